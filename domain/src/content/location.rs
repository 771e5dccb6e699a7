//! A place on the map.

use serde::{Deserialize, Serialize};

use super::wrong::{Wrong, some_words};

/// Ours: Meta documents no limit, and more is not shown.
const NAME_MAX: usize = 1000;

/// WGS 84, in degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    pub latitude: f64,
    pub longitude: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Of a place that a guest sent: where there is more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Location {
    pub fn check(self) -> Result<Self, Wrong> {
        degrees("latitude", self.latitude, 90.0)?;
        degrees("longitude", self.longitude, 180.0)?;
        some_words("name", self.name.as_ref(), NAME_MAX)?;
        some_words("address", self.address.as_ref(), NAME_MAX)?;
        if self.address.is_some() && self.name.is_none() {
            return Err(Wrong::new("name", "is required with an address: WhatsApp shows neither without it"));
        }
        Ok(self)
    }
}

fn degrees(field: &str, value: f64, most: f64) -> Result<(), Wrong> {
    if value.abs() <= most {
        Ok(())
    } else {
        Err(Wrong::new(field, format_args!("must be from -{most} to {most} degrees")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_globe_has_edges() {
        let check = |latitude, longitude| {
            Location { latitude, longitude, name: None, address: None, url: None }
                .check()
                .map_err(|wrong| wrong.field)
        };
        assert!(check(90.0, -180.0).is_ok() && check(-90.0, 180.0).is_ok());
        assert_eq!(check(90.000_001, 0.0), Err("latitude".into()));
        assert_eq!(check(f64::NAN, 0.0), Err("latitude".into()));
        assert_eq!(check(0.0, -180.1), Err("longitude".into()));
    }
}
