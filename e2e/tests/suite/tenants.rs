//! Two hotels in one Bellhop see nothing of each other.

use bellhop_e2e::{Api, Hotel, Phones};
use bellhop_infra::settings::Settings;
use reqwest::Method;
use serde_json::{Value, json};

use crate::webhook_security::{Inbound, deliver, inbound};

/// A second hotel in the same Bellhop, on a second simulator.
async fn second_hotel(hotel: &Hotel) -> (Api, Phones) {
    let phones = Phones::start(2).await;
    let data_dir = tempfile::tempdir().unwrap();
    let settings =
        Settings { simulator_account: 2, data_dir: data_dir.path().to_owned(), ..hotel.settings.clone() };
    let public_url = hotel.staff.base.replace("/api/v1/whatsapp", "");
    let app = hotel.running.app();
    let handoff = bellhop::demo::ensure(app, &settings, (&public_url, &phones.url)).await.unwrap();
    let number = bellhop_simulator::well_known(2).phone_number_id;
    let connection = app.connection_of_number(&number).await.unwrap().unwrap();
    app.register_callback(connection).await.unwrap();
    app.sync_connections().await.unwrap();
    (Api::new(&handoff.api_url, &handoff.admin_token), phones)
}

#[tokio::test]
async fn no_token_reaches_another_hotels_objects() {
    let hotel = Hotel::open().await;
    let (theirs, phones) = second_hotel(&hotel).await;
    let phone = "+14155552671";
    let mine = hotel.guest(phone, "Ana").await;
    let sent = hotel.staff.text(phone, "hi").await.expect(202);
    let detail = hotel.staff.get(&format!("/conversations/{mine}")).await.expect(200);
    let (message, guest) = (sent["message_id"].as_str().unwrap(), detail["guest_id"].as_str().unwrap());
    for path in [
        format!("/messages/{message}"),
        format!("/messages/{message}/status"),
        format!("/conversations/{mine}"),
        format!("/conversations/{mine}/window-status"),
        format!("/guests/{guest}"),
    ] {
        hotel.staff.get(&path).await.expect(200);
        assert_eq!(theirs.get(&path).await.refused(404), "NOT_FOUND", "{path}");
    }
    let text = |target: Value| {
        let mut body = json!({"message_type": "text", "content": {"text": "hi"}});
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        body
    };
    for body in [text(json!({"conversation_id": mine})), text(json!({"guest_id": guest}))] {
        assert_eq!(theirs.post("/messages/send", &body).await.refused(404), "NOT_FOUND");
    }
    let template = json!({"guest_id": guest, "template_name": "hello_world", "language": "en_US"});
    assert_eq!(theirs.post("/templates/send", &template).await.refused(404), "NOT_FOUND");
    assert_eq!(
        theirs.post(&format!("/conversations/{mine}/resolve"), &json!({})).await.refused(404),
        "NOT_FOUND"
    );
    let doubt =
        theirs.post(&format!("/messages/{message}/resolve-doubt"), &json!({"action": "resend"})).await;
    assert_eq!(doubt.refused(404), "NOT_FOUND");
    for list in ["/messages", "/conversations", "/guests?phone=%2B14155552671"] {
        assert_eq!(theirs.get(list).await.expect(200)["data"], json!([]), "{list}");
    }
    let filtered = theirs.get(&format!("/messages?conversation_id={mine}")).await.expect(200);
    assert_eq!(filtered["data"], json!([]));

    // The same person is two guests, one of each hotel, each with the window of that hotel.
    phones.guest(json!({"phone": phone, "name": "Ana"})).await;
    assert_eq!(theirs.text(phone, "hi").await.refused(403), "MESSAGE_WINDOW_EXPIRED");
    phones.writes(phone, "hello there").await;
    let other = theirs.conversation_of(phone).await;
    assert_ne!(other["conversation_id"], mine.as_str());
    assert_ne!(other["guest_id"], guest);
    // A change of one property is not the other's.
    theirs.ask(Method::PATCH, "/property", Some(&json!({"name": "Other"})), &[]).await.expect(200);
    assert_eq!(hotel.staff.get("/property").await.expect(200)["name"], "Grand Plaza Hotel");
    hotel.close().await;
}

#[tokio::test]
async fn one_hotels_secret_says_nothing_about_anothers_number() {
    let hotel = Hotel::open().await;
    let (theirs, _phones) = second_hotel(&hotel).await;
    let secret_of_first = bellhop_simulator::well_known(1).app_secret;
    let secret_of_second = bellhop_simulator::well_known(2).app_secret;
    let body = inbound(&Inbound { wa_id: Some("14155550000"), ..Inbound::of(2) });
    // Taken, so that the provider does not repeat it, and without effect.
    assert_eq!(deliver(&hotel, &body, Some(&secret_of_first)).await, 200);
    assert_eq!(theirs.get("/conversations").await.expect(200)["data"], json!([]));
    // The rightful owner's copy of the very same change still counts.
    assert_eq!(deliver(&hotel, &body, Some(&secret_of_second)).await, 200);
    assert_eq!(theirs.get("/conversations").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
    // A status of the first hotel's app for the second's message: no effect either.
    let template =
        json!({"guest_phone": "+14155550000", "template_name": "hello_world", "language": "en_US"});
    let sent = theirs.post("/templates/send", &template).await.expect(202);
    let message = theirs.until(sent["message_id"].as_str().unwrap(), &["sent"]).await;
    let forged = |account: u32| {
        let account = bellhop_simulator::well_known(account);
        json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
            "field": "messages", "value": {"messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "1", "phone_number_id": account.phone_number_id},
                "statuses": [{"id": message["wamid"], "status": "failed", "timestamp": "1790416840",
                    "recipient_id": "14155550000",
                    "biz_opaque_callback_data": format!("{}.1", message["message_id"].as_str().unwrap()),
                    "errors": [{"code": 131_026, "title": "forged"}]}]}}]}]})
    };
    for account in [1, 2] {
        assert_eq!(deliver(&hotel, &forged(account), Some(&secret_of_first)).await, 200);
    }
    let after =
        theirs.get(&format!("/messages/{}", message["message_id"].as_str().unwrap())).await.expect(200);
    assert_ne!(after["status"], "failed", "{after}");
    hotel.close().await;
}
