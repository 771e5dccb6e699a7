//! Death in the middle of an erasure: whoever comes next goes on with it.

use std::time::Duration;

use bellhop_e2e::{BellhopProcess, Home, Phones, eventually};
use serde_json::json;

use super::{text, until_erased};

const PHONE: &str = "+4915112345678";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_goes_on_after_every_death() {
    for place in [
        "erasure_before_commit",
        "erasure_begun",
        "erasure_part_before_commit",
        "erasure_part_done",
        "file_removed",
    ] {
        let (home, phones) = (Home::make().await, Phones::start(1).await);
        let settings = [("BELLHOP_SEND_LEASE_SECONDS", "2"), ("BELLHOP_FAIL_POINT", place)];
        let process = BellhopProcess::start(&home, &phones.url, &settings).await;
        phones.guest(json!({"phone": PHONE, "name": "Zebulon"})).await;
        phones.writes(PHONE, "zebra-words").await;
        process.api.conversation_of(PHONE).await;
        let file = process.api.upload("document", "zebra.txt", b"zebra-file").await.expect(201);
        let sent = json!({"guest_phone": PHONE, "message_type": "document", "content": {"media_id": file["media_id"]}});
        let sent = process.api.post("/messages/send", &sent).await.expect(202);
        process.api.until(&text(&sent, "message_id"), &["read", "delivered", "sent"]).await;
        let found = process.api.get(&format!("/guests?phone=%2B{}", &PHONE[1..])).await.expect(200);
        let guest = text(&found["data"][0], "guest_id");
        let path = format!("/guests/{guest}/erase");
        let body = json!({});
        process.admin().try_ask(reqwest::Method::POST, &path, Some(&body), &[]).await.ok();
        assert!(process.died(Duration::from_secs(20)).await, "it never came to {place}");

        let process = BellhopProcess::start(&home, &phones.url, &settings[..1]).await;
        eventually("the erasure to be asked for", || async {
            let asked = process.admin().try_ask(reqwest::Method::POST, &path, Some(&body), &[]).await.ok()?;
            (asked.status == 202).then_some(())
        })
        .await;
        until_erased(&process.admin(), &guest).await;
        assert!(!super::traces::in_files(&home.path().join("media"), b"zebra-file"), "{place}");
        let message = process.api.get(&format!("/messages/{}", text(&sent, "message_id"))).await.expect(200);
        assert_eq!(message["erased"], true, "{place}");
        process.terminate().await;
    }
}
