//! The audit trail, which the database itself keeps from being changed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{id, id_null, index, table, text, text_null, time, time_null, word, word_null};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0016_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(entries()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let connection = manager.get_connection();
        let guards = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        for guard in guards {
            connection.execute_unprepared(guard).await?;
        }
        Ok(())
    }
}

fn entries() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        time("at"),
        word("actor_kind"),
        id_null("actor_id"),
        text("actor_name"),
        word_null("role"),
        word("action"),
        text_null("subject"),
        id_null("guest_id"),
        // JSON as text: it is only ever read whole.
        text_null("before"),
        text_null("after"),
        time_null("erased_at"),
    ];
    of_property(table("audit_entries", 1, columns))
}

/// Each begins with what a list is asked for and ends with its order.
fn indexes() -> Vec<IndexCreateStatement> {
    let by = |name, column| index(name, "audit_entries", &["property_id", column, "at", "id"]);
    let some = |mut index: IndexCreateStatement, what| index.and_where(Expr::cust(what)).take();
    vec![
        index("audit_entries_list", "audit_entries", &["property_id", "at", "id"]),
        by("audit_entries_actor", "actor_id"),
        by("audit_entries_subject", "subject"),
        some(by("audit_entries_guest", "guest_id"), "guest_id IS NOT NULL"),
        // Sends are most of all: who asks for those reads the list, and nobody pays for them here.
        some(by("audit_entries_action", "action"), "action <> 'message_sent'"),
    ]
}

/// One function for rows and one trigger for `TRUNCATE`, which fires none for rows.
const POSTGRES: &[&str] = &[
    r#"CREATE FUNCTION audit_entries_stand() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW."before" IS NULL AND NEW."after" IS NULL AND NEW.erased_at IS NOT NULL
                AND (OLD.erased_at IS NULL OR OLD.erased_at = NEW.erased_at)
                AND (NEW.id, NEW.property_id, NEW."at", NEW.actor_kind, NEW.actor_id, NEW.actor_name, NEW.role,
                    NEW.action, NEW.subject, NEW.guest_id)
                IS NOT DISTINCT FROM (OLD.id, OLD.property_id, OLD."at", OLD.actor_kind, OLD.actor_id,
                    OLD.actor_name, OLD.role, OLD.action, OLD.subject, OLD.guest_id)
            THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'audit entries are never changed or removed';
    END $$"#,
    "CREATE TRIGGER audit_entries_stand BEFORE UPDATE OR DELETE ON audit_entries \
     FOR EACH ROW EXECUTE FUNCTION audit_entries_stand()",
    "CREATE TRIGGER audit_entries_stay BEFORE TRUNCATE ON audit_entries \
     FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stand()",
];

const SQLITE: &[&str] = &[
    "CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries \
     BEGIN SELECT RAISE(ABORT, 'audit entries are never changed or removed'); END",
    r#"CREATE TRIGGER audit_entries_stand BEFORE UPDATE ON audit_entries
    WHEN NOT (NEW."before" IS NULL AND NEW."after" IS NULL AND NEW.erased_at IS NOT NULL
        AND (OLD.erased_at IS NULL OR OLD.erased_at = NEW.erased_at)
        AND NEW.id IS OLD.id AND NEW.property_id IS OLD.property_id AND NEW."at" IS OLD."at"
        AND NEW.actor_kind IS OLD.actor_kind AND NEW.actor_id IS OLD.actor_id
        AND NEW.actor_name IS OLD.actor_name AND NEW.role IS OLD.role AND NEW.action IS OLD.action
        AND NEW.subject IS OLD.subject AND NEW.guest_id IS OLD.guest_id)
    BEGIN SELECT RAISE(ABORT, 'audit entries are never changed or removed'); END"#,
];
