//! The first admin, made on the command line beside a running Bellhop.

use std::process::{Output, Stdio};

use bellhop_e2e::{Api, BellhopProcess, Home, PATIENCE, Phones};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const EMAIL: &str = "dana@hotel.example";

/// `bellhop create-admin`, with these lines on standard input.
async fn create_admin(home: &Home, arguments: &[&str], input: &str) -> Output {
    let mut command = home.bellhop();
    command.arg("create-admin").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Who does not read is not kept from ending.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap()
}

fn told(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn sign_in(api: &Api, password: &str) -> (u16, Value) {
    let body = json!({"email": EMAIL, "password": password});
    let answer = api.ask(Method::POST, "/sessions", Some(&body), &[]).await;
    (answer.status.as_u16(), answer.body)
}

#[tokio::test]
async fn the_first_admin_is_made_and_let_in_again() {
    let (home, phones) = (Home::make().await, Phones::start(1).await);
    let bellhop = BellhopProcess::start(&home, &phones.url, &[]).await;
    bellhop.api.conversation_of("+1234567890").await;
    let made = told(&create_admin(&home, &["--email", EMAIL, "--name", "Dana Levi"], "").await);
    assert!(made.contains("is a new admin") && made.contains(EMAIL), "{made}");
    let password = made.trim().rsplit(' ').next().unwrap();
    let (status, session) = sign_in(&bellhop.api, password).await;
    assert_eq!(status, 201, "{session}");
    let dana = Api::new(&bellhop.api.base, session["token"].as_str().unwrap());
    let me = dana.get("/me").await.expect(200);
    assert_eq!(me["role"], "admin", "{me}");
    dana.get("/connections").await.expect(200);
    let trail = dana.get("/audit?action=staff_created").await.expect(200);
    let command = json!({"kind": "operator", "id": null, "name": "create-admin", "role": null});
    assert_eq!((&trail["data"][0]["actor"], &trail["data"][1]), (&command, &Value::Null));
    let sent = dana.text("+1234567890", "Good morning").await.expect(202);
    let message = sent["message_id"].as_str().unwrap();
    dana.until(message, &["sent", "delivered", "read"]).await;
    let message = dana.get(&format!("/messages/{message}")).await.expect(200);
    assert_eq!(message["staff_member_id"], me["staff_member"]["staff_member_id"]);
    // Locked out: the same command lets them in again, and what was open is closed.
    let again = ["--email", "Dana@Hotel.example", "--name", "Dana Levi", "--password-stdin"];
    assert!(refusal(&create_admin(&home, &again, "short\n").await).contains("at least 12 characters"));
    let restored = told(&create_admin(&home, &again, "a password of my own\n").await);
    assert!(restored.contains("new password") && !restored.contains("of my own"), "{restored}");
    dana.get("/me").await.refused(401);
    assert_eq!(sign_in(&bellhop.api, password).await.0, 401);
    assert_eq!(sign_in(&bellhop.api, "a password of my own").await.0, 201);
    bellhop.terminate().await;
}

#[tokio::test]
async fn a_hotel_is_made_where_there_is_none() {
    let home = Home::make().await;
    assert!(home.bellhop().arg("migrate").output().await.unwrap().status.success());
    let arguments = ["--email", EMAIL, "--name", "Dana Levi"];
    let none = refusal(&create_admin(&home, &arguments, "").await);
    assert!(none.contains("--new-property"), "{none}");
    let new = [&arguments[..], &["--new-property", "Seaside"]].concat();
    told(&create_admin(&home, &new, "").await);
    told(&create_admin(&home, &arguments, "").await);
    told(&create_admin(&home, &[&arguments[..], &["--new-property", "Plaza"]].concat(), "").await);
    let several = refusal(&create_admin(&home, &arguments, "").await);
    assert!(several.contains("Seaside") && several.contains("Plaza"), "{several}");
}
