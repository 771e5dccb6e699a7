//! What messages say of each other: the provider tells by its own ids, readers follow ours.

use std::collections::{HashMap, HashSet};

use bellhop_domain::{ConnectionId, Content, MessageId};
use bellhop_entity::message::{self, Column};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::error::{Error, Result};
use crate::message::MessageView;
use crate::rows::among;

type Wamid = (ConnectionId, String);

/// A page of messages as readers see them, in the order given.
pub(crate) async fn show(db: &impl ConnectionTrait, rows: Vec<message::Model>) -> Result<Vec<MessageView>> {
    let ids = ids_of(db, &rows).await?;
    let link = |row: message::Model| {
        let connection = row.connection_id;
        let id = |wamid: &String| ids.get(&(connection, wamid.clone())).copied();
        let mut view = MessageView::from(row);
        view.reply_to_message = view.reply_to.as_ref().and_then(id);
        if let Content::Reaction(reaction) = &mut view.content {
            reaction.message_id = reaction.message_id.or_else(|| id(&reaction.wamid));
        }
        view
    };
    Ok(rows.into_iter().map(link).collect())
}

pub(crate) async fn show_one(db: &impl ConnectionTrait, row: message::Model) -> Result<MessageView> {
    show(db, vec![row]).await?.pop().ok_or_else(|| Error::not_found("message"))
}

/// Our ids of the messages that these speak of.
async fn ids_of(db: &impl ConnectionTrait, rows: &[message::Model]) -> Result<HashMap<Wamid, MessageId>> {
    let told: HashSet<&String> = rows.iter().flat_map(told).collect();
    if told.is_empty() {
        return Ok(HashMap::new());
    }
    let connections: HashSet<ConnectionId> = rows.iter().map(|row| row.connection_id).collect();
    let found: Vec<(ConnectionId, String, MessageId)> = message::Entity::find()
        .select_only()
        .columns([Column::ConnectionId, Column::Wamid, Column::Id])
        .filter(Column::ConnectionId.is_in(connections))
        .filter(among(db, Column::Wamid, told.into_iter().cloned()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().map(|(connection, wamid, id)| ((connection, wamid), id)).collect())
}

fn told(row: &message::Model) -> impl Iterator<Item = &String> {
    let target = match &row.content {
        Content::Reaction(reaction) if reaction.message_id.is_none() => Some(&reaction.wamid),
        _ => None,
    };
    row.reply_to.iter().chain(target)
}
