//! Who may change something, and who may use `/config`.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName},
};
use ipnet::IpNet;

use super::State;
use crate::{config::NsqadminOptions, http::HttpError};

/// The addresses that other proxies have put before the one of our peer.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What was decided about access.
#[derive(Debug, Clone)]
pub struct Access {
    header: HeaderName,
    admin_users: Vec<String>,
    config_network: Option<IpNet>,
}

impl Access {
    /// Reads the options; the error is what upstream says.
    pub fn new(options: &NsqadminOptions) -> Result<Self, String> {
        let header = &options.acl_http_header;
        let header = HeaderName::try_from(header.as_str()).map_err(|_| {
            format!("failed to parse --acl-http-header ({header}) - no name of a header")
        })?;
        let config_network = match options.allow_config_from_cidr.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                format!("failed to parse --allow-config-from-cidr ({text}) - invalid CIDR address: {text}")
            })?),
        };
        Ok(Self { header, admin_users: options.admin_users.clone(), config_network })
    }

    /// The user that a proxy in front of us names. None if there are two: one of them may be the peer's own.
    pub fn user<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut named = headers.get_all(&self.header);
        let (first, None) = (named.next()?, named.next()) else { return None };
        first.to_str().ok().filter(|user| !user.is_empty())
    }

    /// True if the request's user may change something: everybody may where nobody is named an admin.
    pub fn is_admin(&self, headers: &HeaderMap) -> bool {
        let is_named = |user| self.admin_users.iter().any(|admin| admin == user);
        self.admin_users.is_empty() || self.user(headers).is_some_and(is_named)
    }

    /// Refuses `/config` to peers of other networks. Behind a proxy everybody has its address, so all those count, too,
    /// that proxies say they speak for.
    fn check_config(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), HttpError> {
        let Some(network) = self.config_network else { return Ok(()) };
        let peer = peer.ok_or(HttpError::InvalidRemoteAddress)?;
        if !network.contains(&peer.to_canonical()) {
            return Err(HttpError::Forbidden);
        }
        let is_inside = |entry: &str| {
            entry.trim().parse().is_ok_and(|ip: IpAddr| network.contains(&ip.to_canonical()))
        };
        let lists = headers.get_all(FORWARDED_FOR);
        let mut lists = lists.map(|list| list.to_str().unwrap_or("not an address"));
        if lists.all(|list| list.split(',').all(is_inside)) {
            Ok(())
        } else {
            Err(HttpError::Forbidden)
        }
    }
}

/// Lets a handler run for admins only; stands before whatever else it takes.
pub struct AdminOnly;

impl FromRequest for AdminOnly {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let allowed = access(request).is_some_and(|access| access.is_admin(request.headers()));
        ready(if allowed { Ok(Self) } else { Err(HttpError::Forbidden) })
    }
}

/// Lets a handler run for those only that may use `/config`.
pub(super) struct ConfigAllowed;

impl FromRequest for ConfigAllowed {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let checked = match access(request) {
            Some(access) => access.check_config(peer, request.headers()),
            None => Err(HttpError::Internal),
        };
        ready(checked.map(|()| Self))
    }
}

fn access(request: &HttpRequest) -> Option<&Access> {
    request.app_data::<State>().map(|admin| &admin.access)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn access(change: impl Fn(&mut NsqadminOptions)) -> Access {
        let mut options = NsqadminOptions::default();
        change(&mut options);
        Access::new(&options).unwrap()
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn everybody_is_an_admin_where_nobody_is_named_one() {
        let access = access(|_| {});
        assert!(access.is_admin(&HeaderMap::new()));
        assert!(access.is_admin(&headers("x-forwarded-user", "mallory")));
    }

    #[test]
    fn admins_are_known_by_their_exact_names() {
        let access = access(|options| options.admin_users = vec!["carol".into(), "dave".into()]);
        assert!(access.is_admin(&headers("x-forwarded-user", "dave")));
        for user in ["", "Carol", "carol ", "carol,dave"] {
            assert!(!access.is_admin(&headers("x-forwarded-user", user)), "{user:?}");
        }
        assert!(!access.is_admin(&HeaderMap::new()));
        assert!(!access.is_admin(&headers("x-user", "carol")));
    }

    #[test]
    fn who_is_named_twice_or_not_at_all_is_nobody() {
        let access = access(|options| options.admin_users = vec!["carol".into(), String::new()]);
        assert!(!access.is_admin(&HeaderMap::new()));
        let mut twice = headers("x-forwarded-user", "carol");
        assert!(access.is_admin(&twice));
        let name = HeaderName::from_static("x-forwarded-user");
        twice.append(name, HeaderValue::from_static("dave"));
        assert!(!access.is_admin(&twice));
        assert_eq!(access.user(&twice), None);
    }

    #[test]
    fn the_header_is_the_one_that_was_named() {
        let access = access(|options| {
            options.acl_http_header = "X-Auth-Request-Email".into();
            options.admin_users = vec!["carol".into()];
        });
        assert_eq!(access.user(&headers("x-auth-request-email", "carol")), Some("carol"));
        assert_eq!(access.user(&headers("x-auth-request-email", "")), None);
        assert!(!access.is_admin(&headers("x-forwarded-user", "carol")));
    }

    #[track_caller]
    fn config(network: &str, peer: &str, forwarded: &'static str) -> Result<(), HttpError> {
        let access = access(|options| options.allow_config_from_cidr = network.into());
        let headers = match forwarded {
            "" => HeaderMap::new(),
            list => headers("x-forwarded-for", list),
        };
        access.check_config(peer.parse().ok(), &headers)
    }

    #[test]
    fn config_is_for_peers_of_the_network() {
        let refused = Err(HttpError::Forbidden);
        for (network, peer, allowed) in [
            ("127.0.0.1/8", "127.0.0.1", Ok(())),
            ("127.0.0.1/8", "127.255.0.9", Ok(())),
            ("127.0.0.1/8", "::ffff:127.0.0.1", Ok(())),
            ("127.0.0.1/8", "10.0.0.1", refused.clone()),
            ("127.0.0.1/8", "::1", refused.clone()),
            ("::1/128", "::1", Ok(())),
            ("10.0.0.0/24", "10.0.1.0", refused),
            ("127.0.0.1/8", "", Err(HttpError::InvalidRemoteAddress)),
            ("", "", Ok(())),
            ("", "10.0.0.1", Ok(())),
        ] {
            assert_eq!(config(network, peer, ""), allowed, "{network} {peer}");
        }
    }

    #[test]
    fn a_proxy_lets_nobody_in_who_would_not_be_let_in_without_it() {
        let config = |forwarded| config("127.0.0.1/8", "127.0.0.1", forwarded);
        assert_eq!(config("127.0.0.2"), Ok(()));
        for list in ["10.0.0.1", "127.0.0.1, 10.0.0.1", "10.0.0.1, 127.0.0.1", "unknown", ","] {
            assert_eq!(config(list), Err(HttpError::Forbidden), "{list}");
        }
    }

    #[test]
    fn networks_and_headers_that_are_none_are_refused() {
        let refused = |change: fn(&mut NsqadminOptions)| {
            let mut options = NsqadminOptions::default();
            change(&mut options);
            Access::new(&options).unwrap_err()
        };
        assert_eq!(
            refused(|options| options.allow_config_from_cidr = "10.0.0.1".into()),
            "failed to parse --allow-config-from-cidr (10.0.0.1) - invalid CIDR address: 10.0.0.1"
        );
        assert_eq!(
            refused(|options| options.acl_http_header = "X User".into()),
            "failed to parse --acl-http-header (X User) - no name of a header"
        );
    }
}
