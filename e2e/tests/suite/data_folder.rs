//! The data folder, and starts that end before a database is opened: the same on either pair of backends, so
//! this runs with the embedded one only.

use bellhop_e2e::{Hotel, binary};
use tokio::process::Command;

const PHONE: &str = "+1234567890";

#[tokio::test]
async fn two_on_one_data_folder_are_refused() {
    let hotel = Hotel::open().await;
    let second = Command::new(binary("bellhop"))
        .env("BELLHOP_DATA_DIR", hotel.data_dir())
        .env("BELLHOP_HTTP_ADDR", "127.0.0.1:0")
        .env("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("another Bellhop runs on"), "{said}");
    // The first is none the worse.
    let sent = hotel.staff.text(PHONE, "still here").await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn mistakes_at_the_start_are_named() {
    let run = |arguments: &'static [&'static str], variables: &'static [(&'static str, &'static str)]| async move {
        let data_dir = tempfile::tempdir().unwrap();
        let output = Command::new(binary("bellhop"))
            .args(arguments)
            .env("BELLHOP_DATA_DIR", data_dir.path())
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, said) = run(&[], &[("BELLHOP_HTTP_ADDR", "everywhere")]).await;
    assert!(!good && said.contains("BELLHOP_HTTP_ADDR") && said.contains("everywhere"), "{said}");
    let (good, said) = run(&["migrat"], &[]).await;
    assert!(!good && said.contains("migrat") && said.contains("help"), "{said}");
    let (good, said) = run(&["demo"], &[]).await;
    assert!(!good && said.contains("BELLHOP_SIMULATOR_URL"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: &'static str = taken.local_addr().unwrap().to_string().leak();
    let variables: &'static [(&str, &str)] = vec![("BELLHOP_HTTP_ADDR", address)].leak();
    let (good, said) = run(&[], variables).await;
    assert!(!good && said.contains("BELLHOP_HTTP_ADDR") && said.contains(address), "{said}");
}

#[tokio::test]
async fn secrets_are_not_on_disk_in_the_clear() {
    let hotel = Hotel::open().await;
    hotel.guest("+14155552671", "Ana").await;
    let account = bellhop_simulator::well_known(1);
    let staff = hotel.staff.token.clone();
    let hotel = hotel.reopen(&[]).await;
    let mut looked_at = 0;
    let mut folders = vec![hotel.data_dir().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds(&account.access_token) && !holds(&account.app_secret), "{}", path.display());
            let handoff = path.file_name().is_some_and(|name| name == "standalone.json");
            assert!(handoff || !holds(&staff), "{}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 3);
    hotel.close().await;
}
