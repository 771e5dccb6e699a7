//! What a guest chose about marketing in WhatsApp itself.

use bellhop_domain::consent::ConsentSource;
use bellhop_domain::inbound::Preference;
use sea_orm::DatabaseTransaction;

use crate::consent::{self, Said};
use crate::error::Result;
use crate::event::Scope;
use crate::guest::identity;

/// Records the choice. It counts from when the guest made it, in whatever order the news come.
pub(super) async fn apply(tx: &DatabaseTransaction, scope: Scope, preference: Preference) -> Result<()> {
    let guest = identity::learn(tx, scope, &preference.from, preference.timestamp).await?;
    consent::lock_conversations(tx, &[guest]).await?;
    let (state, source) = (preference.choice.into(), ConsentSource::UserPreferences);
    let said = Said::of_marketing(state, source, Some(preference.timestamp));
    consent::record(tx, scope, guest, Said { evidence: preference.detail, ..said }).await?;
    Ok(())
}
