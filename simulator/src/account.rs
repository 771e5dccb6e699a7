//! The business account the simulator plays: fixed for each account number.

use std::fmt;

use serde::Serialize;

/// One simulated business account with one number. The secrets are constants of this code and worth
/// nothing outside of a simulator; still they are kept out of logs and of the journal, so that nobody
/// learns a bad habit here.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// WhatsApp Business Account id: `entry[].id` in webhooks.
    pub waba_id: String,
    /// Id of the number, the first part of every send's path.
    pub phone_number_id: String,
    /// The number itself, digits only, as `metadata.display_phone_number` carries it.
    pub display_phone_number: String,
    /// Bearer token of every call.
    pub access_token: String,
    /// Key of `X-Hub-Signature-256`.
    pub app_secret: String,
    /// Id of the app that owns the secret.
    pub app_id: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("waba_id", &self.waba_id)
            .field("phone_number_id", &self.phone_number_id)
            .field("display_phone_number", &self.display_phone_number)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

/// The account with this number (1, 2, 3 …): the same ids and secrets on every machine, and others for
/// every number, so that two simulators can run side by side.
pub fn well_known(account: u32) -> Account {
    let n = u64::from(account);
    Account {
        waba_id: (100_000_000_000_000 + n).to_string(),
        phone_number_id: (200_000_000_000_000 + n).to_string(),
        display_phone_number: (15_550_100_000 + n).to_string(),
        access_token: format!("simulator-access-token-{n}"),
        app_secret: format!("simulator-app-secret-{n}"),
        app_id: (300_000_000_000_000 + n).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_stable_and_distinct() {
        let (one, two) = (well_known(1), well_known(2));
        assert_eq!(one, well_known(1));
        assert_eq!(one.phone_number_id, "200000000000001");
        assert_ne!(one.access_token, two.access_token);
        assert_ne!(one.app_secret, two.app_secret);
        assert_ne!(one.display_phone_number, two.display_phone_number);
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let shown = format!("{:?}", well_known(1));
        assert!(!shown.contains("token") && !shown.contains("secret"), "{shown}");
    }
}
