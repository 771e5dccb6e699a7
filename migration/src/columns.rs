//! Short words for the columns that every table has.

use sea_orm_migration::prelude::*;

/// The words of the domain's enums.
const WORD: u32 = 32;

fn col(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name))
}

pub fn id(name: &'static str) -> ColumnDef {
    col(name).uuid().not_null().take()
}

pub fn id_null(name: &'static str) -> ColumnDef {
    col(name).uuid().null().take()
}

pub fn word(name: &'static str) -> ColumnDef {
    col(name).string_len(WORD).not_null().take()
}

pub fn text(name: &'static str) -> ColumnDef {
    col(name).text().not_null().take()
}

pub fn text_null(name: &'static str) -> ColumnDef {
    col(name).text().null().take()
}

pub fn word_null(name: &'static str) -> ColumnDef {
    col(name).string_len(WORD).null().take()
}

/// A day without a time zone.
pub fn day(name: &'static str) -> ColumnDef {
    col(name).date().not_null().take()
}

pub fn time(name: &'static str) -> ColumnDef {
    col(name).timestamp_with_time_zone().not_null().take()
}

pub fn time_null(name: &'static str) -> ColumnDef {
    col(name).timestamp_with_time_zone().null().take()
}

pub fn date(name: &'static str) -> ColumnDef {
    col(name).date().not_null().take()
}

pub fn json(name: &'static str) -> ColumnDef {
    col(name).json_binary().not_null().take()
}

pub fn json_null(name: &'static str) -> ColumnDef {
    col(name).json_binary().null().take()
}

pub fn bytes(name: &'static str) -> ColumnDef {
    col(name).blob().not_null().take()
}

pub fn integer(name: &'static str) -> ColumnDef {
    col(name).integer().not_null().take()
}

pub fn integer_null(name: &'static str) -> ColumnDef {
    col(name).integer().null().take()
}

pub fn small_null(name: &'static str) -> ColumnDef {
    col(name).small_integer().null().take()
}

pub fn big(name: &'static str) -> ColumnDef {
    col(name).big_integer().not_null().take()
}

pub fn big_null(name: &'static str) -> ColumnDef {
    col(name).big_integer().null().take()
}

pub fn big_default(name: &'static str, default: i64) -> ColumnDef {
    col(name).big_integer().not_null().default(default).take()
}

pub fn flag(name: &'static str) -> ColumnDef {
    col(name).boolean().not_null().default(false).take()
}

pub fn integer_default(name: &'static str, default: i32) -> ColumnDef {
    col(name).integer().not_null().default(default).take()
}

/// One more column: SQLite adds them one by one.
pub fn add(table: &'static str, mut column: ColumnDef) -> TableAlterStatement {
    Table::alter().table(Alias::new(table)).add_column(&mut column).take()
}

/// A table of these columns, the first `keys` of which are its primary key.
pub fn table(name: &'static str, keys: usize, columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut primary = Index::create();
    for column in columns.iter().take(keys) {
        primary.col(Alias::new(column.get_column_name()));
    }
    let mut table = Table::create();
    table.table(Alias::new(name)).primary_key(&mut primary);
    for column in columns {
        table.col(column);
    }
    table
}

/// A foreign key to another table's `id`.
pub fn refers(table: &mut TableCreateStatement, column: &'static str, to: &'static str) {
    table.foreign_key(ForeignKey::create().from_col(Alias::new(column)).to(Alias::new(to), Alias::new("id")));
}

pub fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}

pub fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, table, columns).unique().take()
}
