//! Lists in pages.

use bellhop_service::page::Page;
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};

use crate::types::Nullable;

/// A page of a list.
#[derive(Debug, Object)]
pub struct List<T: Type + ParseFromJSON + ToJSON> {
    data: Vec<T>,
    /// Leads to the next page as `cursor`; `null` at the end.
    next_cursor: Nullable<String>,
}

impl<T, V> From<Page<V>> for List<T>
where
    T: Type + ParseFromJSON + ToJSON + From<V>,
{
    fn from(page: Page<V>) -> Self {
        Self { data: page.data.into_iter().map(T::from).collect(), next_cursor: Nullable(page.next_cursor) }
    }
}

impl<T, V> From<Vec<V>> for List<T>
where
    T: Type + ParseFromJSON + ToJSON + From<V>,
{
    /// A list that always fits one page.
    fn from(all: Vec<V>) -> Self {
        Self { data: all.into_iter().map(T::from).collect(), next_cursor: Nullable(None) }
    }
}
