//! The pages: one document for all of them, and the files that it loads.

use std::{borrow::Cow, fs, io, path::Path as FsPath};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, ETag, EntityTag, Header, IfNoneMatch},
    },
    web::{Bytes, Path, block},
};
use rust_embed::Embed;

use super::State;
use crate::http::{HttpError, reply, routing::Routes};

/// The document of every page.
const INDEX: &str = "index.html";
/// What stands in the document for the base path with a slash at its end.
const BASE: &str = "{{base}}";
/// A browser keeps a file and asks each time whether it is still the same.
const ASK_EACH_TIME: &str = "no-cache";

/// The files in `static/`, as they were when the program was built.
#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// Adds the routes of all pages and of their files.
pub(super) fn register(routes: Routes<'_>) -> Routes<'_> {
    routes
        .page("/", index)
        .page("/topics", index)
        .page("/topics/{topic}", index)
        .page("/topics/{topic}/{channel}", index)
        .page("/nodes", index)
        .page("/nodes/{node}", index)
        .page("/registries", index)
        .page("/counter", index)
        .page("/lookup", index)
        .page("/tail/{topic}", index)
        .page("/audit", index)
        .page("/static/{path:.*}", asset)
}

/// A file, and what it was called when it was last sent.
struct File {
    bytes: Bytes,
    /// Changes with the content.
    tag: String,
}

async fn index(admin: State, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let mut file = read(&admin, INDEX).await?.ok_or(HttpError::NotFound)?;
    let text = String::from_utf8_lossy(&file.bytes).replace(BASE, &admin.base.with_slash());
    file.bytes = text.into_bytes().into();
    Ok(answer(INDEX, file, &request))
}

async fn asset(
    admin: State,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let file = if *path == INDEX { None } else { read(&admin, &path).await? };
    Ok(match file {
        Some(file) => answer(&path, file, &request),
        None => reply::plain(StatusCode::NOT_FOUND, "NOT_FOUND"),
    })
}

/// A file of the program, or of the directory that is given instead.
async fn read(admin: &State, path: &str) -> Result<Option<File>, HttpError> {
    let Some(directory) = &admin.options.dev_static_dir else {
        let embedded = Files::get(path);
        return Ok(embedded.map(|file| File {
            tag: hex(&file.metadata.sha256_hash()[..16]),
            bytes: match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            },
        }));
    };
    if !is_below(path) {
        return Ok(None);
    }
    let file = directory.join(path);
    let bytes = block(move || read_file(&file)).await.map_err(|_| HttpError::Internal)?;
    let bytes = bytes.map_err(|error| {
        log::error!("HTTP: {path} of --dev-static-dir cannot be read: {error}");
        HttpError::Internal
    })?;
    Ok(bytes
        .map(|bytes| File { tag: format!("{:08x}", crc32fast::hash(&bytes)), bytes: bytes.into() }))
}

fn read_file(path: &FsPath) -> io::Result<Option<Vec<u8>>> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => fs::read(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// True of a path that leads nowhere else.
fn is_below(path: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    path.split('/').all(is_name)
}

/// The file, unless the browser has it already.
fn answer(path: &str, file: File, request: &HttpRequest) -> HttpResponse {
    // Weak, as it is the same for all encodings.
    let tag = EntityTag::new_weak(file.tag);
    let is_known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = match is_known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, ASK_EACH_TIME));
    match is_known {
        true => response.finish(),
        false => response.content_type(content_type(path)).body(file.bytes),
    }
}

fn content_type(path: &str) -> String {
    let guessed = mime_guess::from_path(path).first_or_octet_stream();
    match guessed.type_() == "text" || guessed.subtype() == "json" {
        true => format!("{guessed}; charset=utf-8"),
        false => guessed.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
