//! A file that a guest sent: it is expected from the moment on in which its message is stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellhop_domain::inbound::InboundFile;
use bellhop_domain::media::ArrivalStatus;
use bellhop_domain::{ConnectionId, MessageId};
use bellhop_entity::{media, media_fetch};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, EntityTrait};

use super::{filename, storage_key};
use crate::auth::hex;
use crate::db::real_now;
use crate::error::Result;
use crate::event::Scope;

/// Expects the file of a message that was just stored, if it has one. Whether it has, and a fetch shall begin after
/// the commit.
pub(crate) async fn expect(
    tx: &DatabaseTransaction,
    scope: Scope,
    (connection, message): (ConnectionId, MessageId),
    file: Option<&InboundFile>,
) -> Result<bool> {
    let Some(file) = file else { return Ok(false) };
    let row = media::ActiveModel {
        removed_at: Set(None),
        id: Set(file.media_id),
        property_id: Set(scope.property),
        kind: Set(file.kind),
        mime: Set(file.mime.clone()),
        filename: Set(file.filename.as_deref().and_then(filename::plain)),
        size: Set(0),
        sha256: Set(None),
        storage_key: Set(storage_key(scope.property, file.media_id)),
        created_at: Set(scope.at),
    };
    media::Entity::insert(row).exec_without_returning(tx).await?;
    let fetch = media_fetch::ActiveModel {
        media_id: Set(file.media_id),
        property_id: Set(scope.property),
        connection_id: Set(connection),
        message_id: Set(message),
        provider_id: Set(file.provider_id.clone()),
        url: Set(file.url.clone()),
        sha256: Set(file.sha256.as_deref().and_then(as_hex)),
        status: Set(ArrivalStatus::Pending),
        attempts: Set(0),
        failures: Set(0),
        due_at: Set(real_now()),
        created_at: Set(scope.at),
        ..Default::default()
    };
    media_fetch::Entity::insert(fetch).exec_without_returning(tx).await?;
    Ok(true)
}

/// A SHA-256 as the provider writes it, in base64 or hexadecimal. `None` for what is none: then nothing is known of
/// the file's content.
pub(super) fn as_hex(given: &str) -> Option<String> {
    let given = given.trim();
    if given.len() == 64 && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(given.to_ascii_lowercase());
    }
    let bytes = STANDARD.decode(given).ok().filter(|bytes| bytes.len() == 32)?;
    Some(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_in_either_form() {
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for given in [of_nothing, &of_nothing.to_uppercase(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]
        {
            assert_eq!(as_hex(given).as_deref(), Some(of_nothing), "{given}");
        }
        for no_hash in ["", "47DEQpj8HBSa", &of_nothing[1..], "SfInY0gGKTs...zX0GUI="] {
            assert_eq!(as_hex(no_hash), None, "{no_hash}");
        }
    }
}
