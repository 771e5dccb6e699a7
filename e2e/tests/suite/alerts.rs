//! What operators read is so: alerts and documents name the numbers and the settings that there are.

use std::collections::BTreeSet;

use bellhop_e2e::Hotel;
use serde_json::json;

const PHONE: &str = "+1234567890";

fn document(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every `bellhop_…` in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("bellhop_"))
        .collect()
}

/// The numbers of a hotel that has sent, was refused and has received.
async fn scrape() -> String {
    let hotel = Hotel::open().await;
    hotel.phones.faults(json!({"send_error": {"code": 131_016, "times": 1}})).await;
    let sent = hotel.staff.text(PHONE, "counted").await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    let url = hotel.staff.base.replace("/api/v1/whatsapp", "/metrics");
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let numbers = answer.text().await.unwrap();
    hotel.close().await;
    numbers
}

#[tokio::test]
async fn every_number_of_an_alert_is_shown_and_every_number_is_documented() {
    let numbers = scrape().await;
    assert!(!numbers.contains(&PHONE[1..]), "a phone number is no label");
    let series: BTreeSet<&str> =
        numbers.lines().filter(|line| !line.starts_with('#')).flat_map(names).collect();
    let types = numbers.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    assert!(shown.len() >= 10, "{shown:?}");

    let alerts = document("alerts.yml");
    let expressions: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim_start().strip_prefix("expr: ")).collect();
    for expression in &expressions {
        let wanted = names(expression);
        assert!(!wanted.is_empty(), "{expression}");
        for name in wanted {
            assert!(series.contains(name), "{name} of an alert is not among {series:?}");
        }
    }
    let operations = document("OPERATIONS.md");
    for name in shown {
        assert!(operations.contains(&format!("`{name}")), "{name} is missing in OPERATIONS.md");
    }
}

/// As far as plain text tells: each rule has what Prometheus and the person who is woken need.
#[test]
fn the_alerts_are_whole() {
    let alerts = document("alerts.yml");
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    for rule in &rules {
        for key in ["\n        expr: ", "\n        for: ", "severity: ", "summary: ", "description: "] {
            assert_eq!(rule.matches(key).count(), 1, "{key:?} in {rule}");
        }
        let expression = rule.split("expr: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            assert_eq!(expression.matches(open).count(), expression.matches(close).count(), "{expression}");
        }
    }
    let about = ["SendsFail", "QueueAge", "InDoubt", "PaceNearLimit", "QualityDropped"];
    assert!(about.iter().all(|name| rules.iter().any(|rule| rule.starts_with(&format!("Bellhop{name}")))));
    assert!(!alerts.contains('\t'), "YAML takes no tabs");
}

#[test]
fn every_setting_is_documented() {
    let operations = document("OPERATIONS.md");
    for name in bellhop_infra::settings::NAMES {
        assert!(operations.contains(&format!("| `{name}` |")), "{name} is missing in OPERATIONS.md");
    }
}
