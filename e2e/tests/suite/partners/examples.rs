//! `examples/partner.py`, as a newcomer runs it.

use std::path::Path;
use std::process::Stdio;

use bellhop_e2e::outside::{Outside, project};
use bellhop_e2e::{PATIENCE, eventually};
use tokio::process::{Child, Command};

use super::{ANA, hotel};

/// One that prints into a file, which all its lives share.
fn start(python: &Path, data: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("partner.out")).unwrap();
    Command::new(python)
        .arg(project().join("examples/partner.py"))
        .args(["--port", "0", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn until_printed(data: &Path, text: &str, times: usize) -> String {
    eventually(&format!("{text:?} to be printed {times} times"), || async {
        let printed = std::fs::read_to_string(data.join("partner.out")).unwrap_or_default();
        (printed.matches(text).count() >= times).then_some(printed)
    })
    .await
}

#[tokio::test]
async fn the_example_prints_each_message_once_and_what_it_missed() {
    let outside = Outside::at_hand().await;
    let Ok(python) =
        outside.python.as_ref().inspect_err(|why| println!("left out, Python is missing: {why}"))
    else {
        return;
    };
    let hotel = hotel().await;
    let data = hotel.data_dir().to_owned();
    let mut partner = start(python, &data);
    until_printed(&data, "Waiting", 1).await;
    hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "<one>").await;
    until_printed(&data, "<one>", 1).await;
    let id = partner.id().unwrap().to_string();
    Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    tokio::time::timeout(PATIENCE, partner.wait()).await.expect("it ends").unwrap();
    for text in ["<two>", "<three>"] {
        hotel.phones.writes(ANA, text).await;
    }
    // Tried in vain; by itself the next attempt would come in seconds, and then in minutes.
    eventually("an attempt that failed", || async {
        let webhooks = hotel.admin.get("/webhooks").await.expect(200);
        webhooks["data"][0]["failing_since"].is_string().then_some(())
    })
    .await;
    let _partner = start(python, &data);
    until_printed(&data, "<two>", 1).await;
    until_printed(&data, "<three>", 1).await;
    hotel.phones.writes(ANA, "<four>").await;
    let printed = until_printed(&data, "<four>", 1).await;
    for text in ["<one>", "<two>", "<three>", "<four>"] {
        assert_eq!(printed.matches(text).count(), 1, "{printed}");
    }
    hotel.close().await;
}
