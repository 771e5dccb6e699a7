//! Who asks, and whether they may. Stands first in every operation, so that rights are checked
//! before the body is read.

use std::marker::PhantomData;

use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_service::{App, Caller};
use poem::{Request, RequestBody};
use poem_openapi::auth::Bearer;
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, SecurityScheme};

use crate::envelope::ApiError;
use crate::rate;

/// The token of a session, or an API token with a role (staff, admin or partner); of one property.
#[derive(SecurityScheme)]
#[oai(rename = "bearer", ty = "bearer", bearer_format = "opaque")]
struct BearerToken(Bearer);

/// A right as a type, for [`Authorized`].
pub trait Needs: Send + Sync + 'static {
    const RIGHT: Right;
}

macro_rules! needs {
    ($($right:ident),+ $(,)?) => { $(
        #[derive(Debug)]
        pub struct $right;
        impl Needs for $right {
            const RIGHT: Right = Right::$right;
        }
    )+ };
}

needs!(
    SeeOneself,
    ManageOwnAccount,
    SendMessages,
    ReadConversations,
    ResolveConversations,
    AssignConversations,
    ReadGuests,
    ReadAnalytics,
    ReadEvents,
    ChangeGuests,
    ImportGuests,
    EraseGuests,
    ExportGuests,
    ManageStays,
    ChangeConsent,
    ReadMedia,
    ReadTemplates,
    ManageTemplates,
    ReadProperty,
    ChangeProperty,
    ManageConnections,
    ManageSubscriptions,
    ManagePeople,
    ManageTokens,
    ReadAudit,
);

/// A caller that has the right `R`, and the application to act upon.
pub struct Authorized<R> {
    pub app: App,
    pub caller: Caller,
    right: PhantomData<fn() -> R>,
}

impl<'a, R: Needs> ApiExtractor<'a> for Authorized<R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <BearerToken as ApiExtractor>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        <BearerToken as ApiExtractor>::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let given =
            <BearerToken as ApiExtractor>::from_request(request, body, ExtractParamOptions::default());
        let BearerToken(bearer) = given.await.map_err(|_| ApiError::of(Problem::Unauthenticated))?;
        let app = request.data::<App>().ok_or_else(|| ApiError::of(Problem::Internal))?.clone();
        let caller = app.authenticate(&bearer.token).await.map_err(ApiError::from)?;
        rate::count(&app, &caller, request).await?;
        caller.require(R::RIGHT).map_err(ApiError::from)?;
        Ok(Self { app, caller, right: PhantomData })
    }
}
