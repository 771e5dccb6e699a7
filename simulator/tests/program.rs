//! The program of its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

struct Program {
    child: Child,
    base: String,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(account: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .env("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0")
            .env("BELLHOP_SIMULATOR_URL", "http://127.0.0.1:1")
            .env("BELLHOP_SIMULATOR_ACCOUNT", account)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("simulator listening on ").unwrap().to_owned();
        Self { child, base, out }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn it_says_where_it_listens_and_plays_its_account() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let program = Program::start("2");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/simulator/account", program.base);
    let account: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(account, serde_json::json!(bellhop_simulator::well_known(2)));
}

#[tokio::test]
async fn a_newcomer_connects_with_what_it_prints() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let mut program = Program::start("2");
    let mut printed = std::collections::HashMap::new();
    while printed.len() < 5 {
        let mut line = String::new();
        assert_ne!(program.out.read_line(&mut line).unwrap(), 0, "{printed:?}");
        match line.trim().split_once('=') {
            Some((key, value)) => drop(printed.insert(key.to_owned(), value.to_owned())),
            None => assert!(line.starts_with("# "), "a shell takes every line: {line}"),
        }
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v24.0/{}/phone_numbers", printed["base_url"], printed["waba_id"]);
    let answer = http.get(url).bearer_auth(&printed["access_token"]).send().await.unwrap();
    let listed: Value = answer.json().await.unwrap();
    assert_eq!(listed["data"][0]["id"], printed["phone_number_id"]);
    assert_eq!(printed["app_secret"], bellhop_simulator::well_known(2).app_secret);
    let page = http.get(&printed["base_url"]).send().await.unwrap();
    assert_eq!(page.status(), 200, "the phones");
}

#[test]
fn a_bad_setting_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_simulator"))
        .env("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0")
        .env("BELLHOP_SIMULATOR_ACCOUNT", "0")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("BELLHOP_SIMULATOR_ACCOUNT"));
}

#[cfg(unix)]
#[test]
fn it_stops_when_it_is_told_to() {
    let mut program = Program::start("1");
    let told = Command::new("kill").arg(program.child.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(program.child.wait().unwrap().success());
}
