//! Routes, and what becomes of requests that fit none.

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Responder,
    http::Method,
    web::{self, ServiceConfig},
};

use super::{HttpError, reply};

/// Declares the routes of an API, each once: for actix, which dispatches by them, and for the
/// `Allow` header and the redirects. A part of a path in braces, such as `{opt}`, stands for any, and `{path:.*}` at the
/// end for all that follows.
pub struct Routes<'a> {
    config: &'a mut ServiceConfig,
    base: &'a str,
    known: Known,
}

impl<'a> Routes<'a> {
    /// None yet.
    pub fn new(config: &'a mut ServiceConfig) -> Self {
        Self::below(config, "")
    }

    /// None yet; all that come will lie below `base`, which is empty or begins with a slash and does not end with one.
    pub fn below(config: &'a mut ServiceConfig, base: &'a str) -> Self {
        Self { config, base, known: Known::default() }
    }

    /// A route for GET.
    pub fn get<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::GET, path, handler)
    }

    /// A route for POST.
    pub fn post<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::POST, path, handler)
    }

    /// A route for PUT.
    pub fn put<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::PUT, path, handler)
    }

    /// A route for DELETE.
    pub fn delete<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::DELETE, path, handler)
    }

    /// A route for GET that answers HEAD, too.
    pub fn page<F, Args>(self, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.get(path, handler.clone()).add(Method::HEAD, path, handler)
    }

    fn add<F, Args>(mut self, method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let path = match (self.base, path) {
            (base, "/") if !base.is_empty() => base.to_owned(),
            (base, path) => format!("{base}{path}"),
        };
        self.config.route(&path, web::method(method.clone()).to(handler));
        self.known.0.push((method, path));
        self
    }

    /// Everything else is unknown.
    pub fn end(self) {
        let known = self.known;
        let unrouted = move |request: HttpRequest| {
            let answer = known.answer(request.method(), request.path(), request.query_string());
            async move { answer }
        };
        self.config.default_service(web::to(unrouted));
    }
}

/// All methods and paths.
#[derive(Debug, Clone, Default)]
struct Known(Vec<(Method, String)>);

impl Known {
    /// What to say to a request without a route.
    fn answer(&self, method: &Method, path: &str, query: &str) -> Result<HttpResponse, HttpError> {
        if method == Method::OPTIONS && path == "*" {
            return Ok(reply::options(""));
        }
        if let Some(location) = self.meant(method, path) {
            let mark = if query.is_empty() { "" } else { "?" };
            let location = format!("{location}{mark}{query}");
            return Ok(reply::redirect(method == Method::GET, &location));
        }
        match self.allow(path) {
            None => Err(HttpError::NotFound),
            Some(allow) if method == Method::OPTIONS => Ok(reply::options(&allow)),
            Some(allow) => Err(HttpError::MethodNotAllowed(allow)),
        }
    }

    /// The path that this one would be but for its case, slashes and dots.
    fn meant(&self, method: &Method, path: &str) -> Option<String> {
        let given = clean(path);
        let mut same_method = self.0.iter().filter(|(known, _)| known == method);
        let meant = same_method.find_map(|(_, known)| corrected(known, &given))?;
        (meant != path).then_some(meant)
    }

    /// The methods of a path, sorted.
    fn allow(&self, path: &str) -> Option<String> {
        let of_path = self.0.iter().filter(|(_, known)| is_exactly(known, path));
        let mut methods: Vec<_> = of_path.map(|(method, _)| method).collect();
        if methods.is_empty() {
            return None;
        }
        methods.push(&Method::OPTIONS);
        methods.sort_unstable_by_key(|method| method.as_str());
        Some(methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", "))
    }
}

/// The parts of a path without empty ones, `.` and `..`.
fn clean(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

fn is_any(part: &str) -> bool {
    part.starts_with('{')
}

/// True of the last part of a route that has all that follows.
fn is_rest(part: &str) -> bool {
    is_any(part) && part.ends_with(":.*}")
}

/// The path of the route `known` that has these parts in any case.
fn corrected(known: &str, given: &[&str]) -> Option<String> {
    let parts = clean(known);
    let alike = |(part, given): (&&str, &&str)| is_any(part) || part.eq_ignore_ascii_case(given);
    let has_rest = parts.last().is_some_and(|part| is_rest(part));
    let fits = parts.len() == given.len() || has_rest && parts.len() < given.len();
    if !fits || !parts.iter().zip(given).all(alike) {
        return None;
    }
    let (same, rest) = given.split_at(parts.len());
    let corrected =
        parts.iter().zip(same).map(|(part, given)| if is_any(part) { given } else { part });
    let mut path = String::new();
    for part in corrected.chain(rest) {
        path.push('/');
        path.push_str(part);
    }
    if known.ends_with('/') {
        path.push('/');
    }
    Some(path)
}

/// True if the route `known` has this path as it stands.
fn is_exactly(known: &str, path: &str) -> bool {
    let (mut known, mut parts) = (known.split('/'), path.split('/'));
    loop {
        match (known.next(), parts.next()) {
            (None, None) => return true,
            (Some(known), Some(part)) if is_rest(known) => {
                return !part.is_empty() || parts.next().is_some();
            }
            (Some(known), Some(part)) if known == part || is_any(known) && !part.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ALLOW, LOCATION};

    use super::*;

    fn answer(method: &Method, path: &str, query: &str) -> Result<HttpResponse, HttpError> {
        let known = vec![
            (Method::GET, "/ping"),
            (Method::POST, "/pub"),
            (Method::PUT, "/config/{opt}"),
            (Method::GET, "/config/{opt}"),
            (Method::POST, "/topic/create"),
            (Method::GET, "/debug/pprof/"),
            (Method::GET, "/base"),
            (Method::GET, "/base/files/{path:.*}"),
        ];
        let known = known.into_iter().map(|(method, path): (_, &str)| (method, path.to_owned()));
        Known(known.collect()).answer(method, path, query)
    }

    #[track_caller]
    fn redirects(method: &Method, path: &str, query: &str, to: (u16, &str)) {
        let response = answer(method, path, query).unwrap();
        let location = response.headers().get(LOCATION).unwrap().to_str().unwrap();
        assert_eq!((response.status().as_u16(), location), to, "{path}");
    }

    #[test]
    fn near_misses_are_redirected() {
        for path in ["/ping/", "/PING", "//ping", "/x/../ping", "/./ping", "/../ping//"] {
            redirects(&Method::GET, path, "", (301, "/ping"));
        }
        redirects(&Method::POST, "/pub/", "topic=a", (307, "/pub?topic=a"));
        redirects(&Method::POST, "/Topic//create", "", (307, "/topic/create"));
        redirects(&Method::GET, "/debug/pprof", "", (301, "/debug/pprof/"));
        redirects(&Method::GET, "/Debug//pprof/", "a", (301, "/debug/pprof/?a"));
    }

    #[test]
    fn a_part_that_may_be_anything_is_kept_as_it_is() {
        redirects(&Method::GET, "/Config/Log_Level/", "", (301, "/config/Log_Level"));
        redirects(&Method::PUT, "//config/x", "", (307, "/config/x"));
        for path in ["/config", "/config/", "/config//", "/config/a/b"] {
            for method in [Method::GET, Method::PUT, Method::OPTIONS] {
                assert_eq!(answer(&method, path, "").unwrap_err(), HttpError::NotFound, "{path}");
            }
        }
    }

    #[test]
    fn a_rest_may_have_any_number_of_parts() {
        let (get, post) = (Method::GET, Method::POST);
        redirects(&get, "/Base//files/a/B/", "", (301, "/base/files/a/B"));
        redirects(&get, "/base/", "", (301, "/base"));
        let not_allowed = HttpError::MethodNotAllowed("GET, OPTIONS".into());
        for path in ["/base/files/a", "/base/files/a/b.css"] {
            assert_eq!(answer(&post, path, "").unwrap_err(), not_allowed, "{path}");
        }
        for path in ["/base/files", "/base/files/", "/base/filesx/a"] {
            assert_eq!(answer(&get, path, "").unwrap_err(), HttpError::NotFound, "{path}");
        }
    }

    #[test]
    fn nothing_is_redirected_to_itself() {
        let answered = answer(&Method::GET, "/ping", "").map(|_| ());
        assert_eq!(answered, Err(HttpError::MethodNotAllowed("GET, OPTIONS".into())));
    }

    #[test]
    fn a_known_path_says_its_methods() {
        let not_allowed = |allow: &str| Err(HttpError::MethodNotAllowed(allow.into()));
        let failed = |method, path| answer(&method, path, "").map(|_| ());
        assert_eq!(failed(Method::HEAD, "/ping"), not_allowed("GET, OPTIONS"));
        assert_eq!(failed(Method::POST, "/debug/pprof/"), not_allowed("GET, OPTIONS"));
        assert_eq!(failed(Method::GET, "/pub"), not_allowed("OPTIONS, POST"));
        assert_eq!(failed(Method::POST, "/config/x"), not_allowed("GET, OPTIONS, PUT"));
        let options = answer(&Method::OPTIONS, "/ping", "").unwrap();
        assert_eq!(options.headers().get(ALLOW).unwrap(), "GET, OPTIONS");
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in ["/", "/put", "/pub/x", "/pub/", "/pingg"] {
            assert_eq!(answer(&Method::GET, path, "").unwrap_err(), HttpError::NotFound, "{path}");
        }
        assert_eq!(answer(&Method::OPTIONS, "/x", "").unwrap_err(), HttpError::NotFound);
        assert!(answer(&Method::OPTIONS, "*", "").unwrap().headers().get(ALLOW).is_none());
    }
}
