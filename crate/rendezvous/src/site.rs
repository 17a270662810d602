//! The files: the built site at `/`, the built package at `/roundtable/`.
//!
//! `tower-http` does the work that is easy to get wrong (paths that climb out, ranges, conditional requests); this
//! module says which directory answers what. Pages have clean addresses: `/lab` is `lab.html`, or leads to
//! `lab/index.html`. Only GET and HEAD exist. What is not there is answered by the site's own `404.html` if it has one.
//!
//! A directory may appear after the start, since a build may still run: it is looked for at each request, and until it
//! is there the answer says which command builds it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use tower::service_fn;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;

/// The address under which the package is served.
pub const PACKAGE_PATH: &str = "/roundtable";

/// The routes of both directories; either may be left out.
pub fn router(site: Option<PathBuf>, package: Option<PathBuf>) -> Router {
    let mut router = Router::new();
    if let Some(package) = package {
        let missing = package.clone();
        let files = compressed(ServeDir::new(package))
            .append_index_html_on_directories(false)
            .fallback(service_fn(move |_: Request<Body>| answer(package_lacks(missing.clone()))));
        router = router.nest_service(PACKAGE_PATH, files);
    }
    router = match site {
        Some(site) => {
            let missing = site.clone();
            let files = compressed(ServeDir::new(site))
                .html_as_default_extension(true)
                .fallback(service_fn(move |_: Request<Body>| answer(site_lacks(missing.clone()))));
            router.fallback_service(files)
        }
        None => router.fallback(|| async { page(StatusCode::NOT_FOUND, NO_SITE) }),
    };
    router.layer(CompressionLayer::new())
}

/// What the build has compressed beside a file goes out as it is: to compress the wasm takes a tenth of a second, for
/// each tab that asks.
fn compressed(files: ServeDir) -> ServeDir {
    files.precompressed_br().precompressed_gzip()
}

async fn answer(response: impl Future<Output = Response>) -> Result<Response, Infallible> {
    Ok(response.await)
}

/// Whether the directory holds a built site.
pub fn is_built(site: &Path) -> bool {
    site.join("index.html").is_file()
}

async fn site_lacks(site: PathBuf) -> Response {
    if !is_built(&site) {
        return page(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT);
    }
    match tokio::fs::read_to_string(site.join("404.html")).await {
        Ok(html) => (StatusCode::NOT_FOUND, Html(html)).into_response(),
        Err(_) => page(StatusCode::NOT_FOUND, NOT_FOUND),
    }
}

async fn package_lacks(package: PathBuf) -> Response {
    let say = if package.is_dir() {
        "The package has no such file.\n"
    } else {
        "The package is not built yet. Run `npm run build`, or `npm start`.\n"
    };
    (StatusCode::NOT_FOUND, say).into_response()
}

/// A page of ours: without style, since the policy allows no style inside a page.
fn page(status: StatusCode, (title, body): (&str, &str)) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <main><h1>{title}</h1><p>{body}</p></main></html>\n"
    );
    (status, Html(html)).into_response()
}

const NOT_BUILT: (&str, &str) = (
    "The site is not built yet",
    "Run <code>npm start</code>, which builds and serves it, or <code>npm run build</code>, then load this page again.",
);
const NOT_FOUND: (&str, &str) = ("Nothing here", "There is no such page. <a href=\"/\">To the table</a>.");
const NO_SITE: (&str, &str) = (
    "A Roundtable rendezvous",
    "It introduces browser tabs to each other at <code>/rendezvous</code> and serves no site. \
     Start it with <code>--site</code> to serve one.",
);
