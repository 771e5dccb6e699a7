//! Who reads a file: somebody known, or whoever has an address that was made here.

use bellhop_domain::MediaId;
use bellhop_domain::problem::Problem;
use bellhop_service::App;
use bellhop_service::media::StoredMedia;
use poem::http::header::AUTHORIZATION;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::auth::{Authorized, ReadMedia};
use crate::envelope::ApiError;

/// Asked before anything else of the request is read.
pub enum Reader {
    Known(Authorized<ReadMedia>),
    /// The address says for itself what may be read.
    Anybody(App),
}

impl Reader {
    pub async fn open(
        self,
        file: MediaId,
        (expires, signature): (Option<&str>, Option<&str>),
    ) -> Result<StoredMedia, ApiError> {
        Ok(match self {
            Self::Known(auth) => auth.app.open_media(&auth.caller, file).await?,
            Self::Anybody(app) => {
                app.open_address(file, expires.unwrap_or_default(), signature.unwrap_or_default()).await?
            }
        })
    }
}

/// A token goes before a signature: then everything is as if there were none.
fn is_signed(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    !request.headers().contains_key(AUTHORIZATION)
        && query.split('&').any(|pair| pair.starts_with("signature="))
}

impl<'a> ApiExtractor<'a> for Reader {
    const TYPES: &'static [ApiExtractorType] = Authorized::<ReadMedia>::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Authorized::<ReadMedia>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Authorized::<ReadMedia>::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if is_signed(request) {
            let app = request.data::<App>().ok_or_else(|| ApiError::of(Problem::Internal))?;
            return Ok(Self::Anybody(app.clone()));
        }
        Ok(Self::Known(Authorized::from_request(request, body, options).await?))
    }
}
