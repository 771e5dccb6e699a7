//! Everything staff can send: files, whole templates, templates instead of what came too late.

use sea_orm_migration::prelude::*;

use crate::columns::{
    add, flag, id, id_null, index, integer, integer_default, json, json_null, refers, table, text, text_null,
    time, time_null, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_content"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [media(), media_uploads(), template_versions()] {
            manager.create_table(table).await?;
        }
        for column in [
            // The content that leaves when the window has closed by then.
            json_null("fallback"),
            flag("fell_back"),
            // The message that WhatsApp dropped because its window had closed.
            id_null("fallback_for"),
        ] {
            manager.alter_table(add("messages", column)).await?;
        }
        for column in [
            json_null("parameter_names"),
            integer_default("version", 1),
            text_null("previous_category"),
            // A submission that is on its way to the provider until then.
            time_null("submitting_until"),
            // When the status became what it is: older news of it change nothing.
            time_null("status_at"),
        ] {
            manager.alter_table(add("templates", column)).await?;
        }
        manager
            .create_index(
                // A dropped message has one successor, however often its failure is told.
                index("messages_fallback_for", "messages", &["fallback_for"])
                    .unique()
                    .and_where(Expr::cust("fallback_for IS NOT NULL"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                // What nobody finished handing in.
                index("media_unfinished", "media", &["created_at"])
                    .and_where(Expr::cust("sha256 IS NULL"))
                    .take(),
            )
            .await?;
        let windows =
            index("conversations_window", "conversations", &["property_id", "window_expires_at", "id"]);
        manager.create_index(windows).await
    }
}

fn media() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        word("kind"),
        text("mime"),
        text_null("filename"),
        crate::columns::big("size"),
        // Hexadecimal; none until the file is in whole.
        text_null("sha256"),
        text("storage_key"),
        time("created_at"),
    ];
    of_property(table("media", 1, columns))
}

/// A file's copies at the provider, one for each number that sent it.
fn media_uploads() -> TableCreateStatement {
    let columns = vec![id("media_id"), id("connection_id"), text("provider_media_id"), time("uploaded_at")];
    let mut uploads = table("media_uploads", 2, columns);
    refers(&mut uploads, "media_id", "media");
    uploads
}

/// What a template was before its latest change, and what that change is.
fn template_versions() -> TableCreateStatement {
    let columns = vec![
        id("template_id"),
        integer("version"),
        id("property_id"),
        word("cause"),
        text("category"),
        text("status"),
        word("parameter_format"),
        json("components"),
        time("created_at"),
    ];
    let mut versions = table("template_versions", 2, columns);
    refers(&mut versions, "template_id", "templates");
    versions
}
