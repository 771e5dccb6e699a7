//! Taking the words out of messages.

use bellhop_domain::conversation::Direction;
use bellhop_domain::media::MediaRef;
use bellhop_domain::{Content, MediaId, MessageId};
use bellhop_entity::{attempt, media_fetch, message, message_revision, message_status};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::auth::hash;
use crate::error::Result;
use crate::event::Scope;
use crate::rows::{Rows, among};

/// How much goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What was said.
    Words,
    /// That too, and what leads to the person: WhatsApp's ids of messages have the number in them.
    Person,
}

/// What stands in the place of a wamid. The same wamid leads to the same, so that a repeat is known and taps find
/// their message; nobody finds the way back, because a wamid ends in random digits.
pub(crate) fn hidden(wamid: &str) -> String {
    if wamid.starts_with(HIDDEN) { wamid.to_owned() } else { format!("{HIDDEN}{}", hash(wamid)) }
}

const HIDDEN: &str = "erased:";

/// A refusal without the words that may quote what was sent.
pub(crate) fn bare_failure(failure: Option<Value>) -> Option<Value> {
    let mut failure = failure?;
    if let Some(fields) = failure.as_object_mut() {
        fields.remove("details");
    }
    // An attempt's may be a sentence of its own.
    failure.is_object().then_some(failure)
}

const COLUMNS: [(&str, &str); 6] = [
    ("mid", "uuid"),
    ("content", "jsonb"),
    ("wamid", "text"),
    ("reply", "text"),
    ("failure", "jsonb"),
    ("bkey", "text"),
];

const MESSAGES: &str = "\
    UPDATE messages SET content = v.content, wamid = v.wamid, reply_to = v.reply, failure = v.failure, \
    batch_key = v.bkey, fallback = NULL, metadata = NULL, origin = NULL, revisions = NULL, erased_at = {0} \
    FROM v WHERE messages.id = v.mid";

/// Takes the words out of messages, which are locked, and out of what hangs on them.
pub(super) async fn overwrite(
    tx: &DatabaseTransaction,
    scope: Scope,
    rows: &[message::Model],
    depth: Depth,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let id = |wamid: &Option<String>| match depth {
        Depth::Words => wamid.clone(),
        Depth::Person => wamid.as_deref().map(hidden),
    };
    let bare = rows.iter().map(|row| {
        let content = serde_json::to_value(row.content.without_words()).unwrap_or_default();
        let key = row.batch_key.clone().filter(|_| depth == Depth::Words);
        [
            row.id.into(),
            content.into(),
            id(&row.wamid).into(),
            id(&row.reply_to).into(),
            bare_failure(row.failure.clone()).into(),
            key.into(),
        ]
    });
    Rows::new(COLUMNS, bare).run(tx, MESSAGES, [scope.at.into()]).await?;
    let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
    revisions(tx, rows, depth).await?;
    attempts(tx, &ids, depth).await?;
    media_fetch::Entity::delete_many()
        .filter(among(tx, media_fetch::Column::MessageId, ids))
        .exec(tx)
        .await?;
    Ok(())
}

async fn revisions(tx: &DatabaseTransaction, rows: &[message::Model], depth: Depth) -> Result<()> {
    use message_revision::Column;
    let said = rows.iter().filter(|row| row.direction == Direction::Inbound);
    let said: Vec<&message::Model> = said.collect();
    let wamids = said.iter().filter_map(|row| row.wamid.clone());
    let of_these = among(tx, Column::Original, wamids).and(among(
        tx,
        Column::ConnectionId,
        said.iter().map(|row| row.connection_id),
    ));
    match depth {
        Depth::Words => {
            message_revision::Entity::update_many()
                .col_expr(Column::Content, Expr::value(None::<Value>))
                .filter(of_these)
                .exec(tx)
                .await?;
        }
        // A repeat of one adds a row without words, and changes nothing.
        Depth::Person => {
            message_revision::Entity::delete_many().filter(of_these).exec(tx).await?;
        }
    }
    Ok(())
}

async fn attempts(tx: &DatabaseTransaction, ids: &[MessageId], depth: Depth) -> Result<()> {
    let ids = || ids.iter().copied();
    let mut attempts =
        attempt::Entity::update_many().col_expr(attempt::Column::Error, Expr::value(None::<Value>));
    if depth == Depth::Person {
        // Their statuses come with an echo.
        attempts = attempts.col_expr(attempt::Column::Wamid, Expr::value(None::<String>));
    }
    attempts.filter(among(tx, attempt::Column::MessageId, ids())).exec(tx).await?;
    let of_these = among(tx, message_status::Column::MessageId, ids());
    match depth {
        Depth::Words => {
            message_status::Entity::update_many()
                .col_expr(message_status::Column::Error, Expr::value(None::<Value>))
                .filter(of_these)
                .exec(tx)
                .await?;
        }
        // What they told stands with the message; one that comes again changes nothing.
        Depth::Person => {
            message_status::Entity::delete_many().filter(of_these).exec(tx).await?;
        }
    }
    Ok(())
}

/// The files that a message carries, or would have.
pub(super) fn files_of(row: &message::Model) -> Vec<MediaId> {
    let said = row.revisions.iter().flat_map(|said| said.0.iter().map(|saying| &saying.content));
    let contents = [Some(&row.content), row.fallback.as_ref()].into_iter().flatten().chain(said);
    let file = |content: &Content| match content.file() {
        Some((_, MediaRef::MediaId(id))) => Some(*id),
        Some((_, MediaRef::Link(_))) | None => None,
    };
    contents.filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hidden_id_stays_the_same_and_says_nothing() {
        let once = hidden("wamid.HBgLMTY1MDU1NTEyMzQ");
        assert_eq!(hidden(&once), once);
        assert_ne!(hidden("wamid.other"), once);
        assert!(!once.contains("HBgL"));
    }

    #[test]
    fn a_failure_keeps_its_code() {
        let failure =
            json!({"code": 131_026, "title": "Undeliverable", "details": "+4366 is not on WhatsApp"});
        assert_eq!(bare_failure(Some(failure)), Some(json!({"code": 131_026, "title": "Undeliverable"})));
        assert_eq!(bare_failure(Some(json!("broken pipe"))), None);
    }
}
