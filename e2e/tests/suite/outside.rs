//! Bellhop and its simulator, judged by what others wrote. `scripts/test` says at its end what is left out because
//! Python or Node is not there.

use std::path::PathBuf;

use bellhop_e2e::outside::{Outside, project, run};
use bellhop_e2e::{Hotel, Phones};
use tokio::process::Command;

/// What is needed for a proof; `None`, with a word, where it is not there.
fn needed(what: &str, there: &Result<PathBuf, String>) -> Option<PathBuf> {
    match there {
        Ok(path) => Some(path.clone()),
        Err(why) => {
            println!("left out, {what} is missing: {why}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heyoo_takes_the_simulator_for_whatsapp() {
    let Some(python) = needed("Python", &Outside::at_hand().await.python) else { return };
    let phones = Phones::start(1).await;
    let mut heyoo = Command::new(python);
    heyoo.arg(project().join("e2e/clients/heyoo.py")).args(["--base-url", &phones.url]);
    println!("{}", run(&mut heyoo).await.unwrap_or_else(|said| panic!("{said}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_api_js_takes_the_simulator_for_whatsapp() {
    let Some(modules) = needed("Node", &Outside::at_hand().await.node) else { return };
    let phones = Phones::start(1).await;
    let mut client = Command::new("node");
    client
        .env("BELLHOP_NODE", modules)
        .arg(project().join("e2e/clients/whatsapp-api-js.mjs"))
        .arg(&phones.url);
    println!("{}", run(&mut client).await.unwrap_or_else(|said| panic!("{said}")));
}

/// Every operation with what the document allows and much that it forbids: no answer outside of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_fuzzer_finds_nothing() {
    if needed("Python", &Outside::at_hand().await.python).is_none() {
        return;
    }
    let hotel = Hotel::open().await;
    let mut fuzzer = Command::new(project().join("scripts/fuzz-api"));
    fuzzer.args(["--quick", &hotel.staff.base, &hotel.staff.token, &hotel.admin.token]);
    println!("{}", run(&mut fuzzer).await.unwrap_or_else(|said| panic!("{said}")));
    hotel.close().await;
}
