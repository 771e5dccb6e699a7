//! Two columns that must say the same.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

/// Prints the comparison; whether both sides agree.
pub fn print(batch: &Value, recipients: usize, sends: &HashMap<String, usize>, took: Duration) -> bool {
    let count = |state: &str| usize::try_from(batch["counts"][state].as_u64().unwrap_or(0)).unwrap_or(0);
    let left = count("sent") + count("delivered") + count("read");
    let in_doubt = count("in_doubt");
    let once = sends.values().filter(|times| **times == 1).count();
    let twice = sends.values().filter(|times| **times > 1).count();
    let never = sends.values().filter(|times| **times == 0).count();
    println!("\n{:<24}{:>10}   {:<24}{:>10}", "Bellhop says", "", "WhatsApp has", "");
    println!("{:<24}{left:>10}   {:<24}{once:>10}", "sent, delivered, read", "exactly one");
    println!("{:<24}{in_doubt:>10}   {:<24}{twice:>10}", "in doubt", "more than one");
    println!("{:<24}{:>10}   {:<24}{never:>10}", "failed", count("failed"), "none");
    println!("{:<24}{recipients:>10}   {:<24}{:>10}", "recipients", "guests", sends.len());
    println!("\n{:.0} messages a second over {:.1} s", left as f64 / took.as_secs_f64(), took.as_secs_f64());
    // What is in doubt may be on either side, but nobody may be missing or have it twice.
    let fits = twice == 0 && left <= once && once <= left + in_doubt && never + once == recipients;
    println!("{}", if fits { "They match." } else { "THEY DO NOT MATCH." });
    fits
}
