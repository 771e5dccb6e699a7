//! The reference to browse, from the binary: no network is asked for any of it.

use poem::web::{Data, Html, Redirect};
use poem::{Response, handler};
use poem_openapi::OpenApiService;

use crate::openapi;
use crate::yaml::to_yaml;

#[handler]
pub fn root() -> Redirect {
    Redirect::temporary("/docs")
}

/// The address under which the deployment is reached, for the document.
#[derive(Clone)]
pub struct PublicUrl(pub String);

#[handler]
pub fn yaml(Data(url): Data<&PublicUrl>) -> Response {
    Response::builder().content_type("application/yaml").body(to_yaml(&openapi::at(&url.0)))
}

#[handler]
pub fn json(Data(url): Data<&PublicUrl>) -> Response {
    Response::builder().content_type("application/json").body(openapi::at(&url.0).to_string())
}

/// The framework's page has its own document inside, which is not valid: it gets the address of
/// ours instead. Without `validatorUrl: null` it would show a badge from the network.
pub fn page() -> String {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    page.replace("spec: spec,", "url: '/openapi.json', validatorUrl: null,")
        .replace("<title>Swagger UI</title>", "<title>Bellhop API</title>")
}

#[handler]
pub fn docs() -> Html<String> {
    Html(page())
}
