//! Where an inbound message comes from, and what it said before.

use bellhop_domain::inbound::{Origin, Product, Referral, Saying};
use poem_openapi::Object;

use crate::content::Content;
use crate::types::Timestamp;

/// What a message said before the guest changed it.
#[derive(Debug, Object)]
pub struct EarlierContent {
    /// From when on it said so.
    said_at: Timestamp,
    content: Content,
}

/// Where a message comes from, if not simply from the guest.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MessageOrigin {
    /// The guest passed on what somebody else wrote.
    forwarded: bool,
    /// It was passed on many times.
    frequently_forwarded: bool,
    /// The ad or post that led the guest here.
    referral: Option<AdReferral>,
    /// The product that the guest asks about.
    product: Option<CatalogProduct>,
}

/// An ad or post that leads to WhatsApp.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct AdReferral {
    /// `ad` or `post`.
    source_type: Option<String>,
    source_id: Option<String>,
    source_url: Option<String>,
    headline: Option<String>,
    body: Option<String>,
    /// `image` or `video`.
    media_type: Option<String>,
    media_url: Option<String>,
    /// Meta's id of the click.
    click_id: Option<String>,
    /// What the ad had written for the guest.
    welcome_text: Option<String>,
}

#[derive(Debug, Object)]
struct CatalogProduct {
    catalog_id: String,
    product_id: String,
}

impl From<Saying> for EarlierContent {
    fn from(saying: Saying) -> Self {
        Self { said_at: saying.at.into(), content: saying.content.into() }
    }
}

impl From<Origin> for MessageOrigin {
    fn from(origin: Origin) -> Self {
        let product = |product: Product| CatalogProduct {
            catalog_id: product.catalog_id,
            product_id: product.product_id,
        };
        Self {
            forwarded: origin.forwarded,
            frequently_forwarded: origin.frequently_forwarded,
            referral: origin.referral.map(AdReferral::from),
            product: origin.product.map(product),
        }
    }
}

impl From<Referral> for AdReferral {
    fn from(referral: Referral) -> Self {
        Self {
            source_type: referral.source_type,
            source_id: referral.source_id,
            source_url: referral.source_url,
            headline: referral.headline,
            body: referral.body,
            media_type: referral.media_type,
            media_url: referral.media_url,
            click_id: referral.click_id,
            welcome_text: referral.welcome_text,
        }
    }
}
