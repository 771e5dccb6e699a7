//! Names, looked up where the connection is made: a name cannot mean one address when it is looked at and another
//! when it is used.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bellhop_domain::ports::BadUrl;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Rule;

type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// How a name is looked up. Tests hold it.
pub(super) type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

pub(super) fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) }))
}

/// A name leads where no request may go.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that {0}")]
pub(super) struct Forbidden(pub BadUrl);

/// Finds no address that the rule forbids. A name that has one among others is not trusted with any.
pub(super) struct Guarded {
    pub rule: Rule,
    pub lookup: Lookup,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (rule, looking) = (self.rule, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = looking.await?;
            for address in &found {
                rule.check(address.ip()).map_err(Forbidden)?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
