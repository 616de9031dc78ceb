//! What `nsq up` runs in the same process as nsqd.

use actix::Addr;

use crate::{
    cli::{
        nsqadmin::daemon as nsqadmin,
        nsqlookupd::daemon as nsqlookupd,
        service::{DaemonError, Listening, Root, Serving},
    },
    config::{ListenAddress, NsqadminOptions, NsqdOptions, NsqlookupdOptions},
};

/// Daemons beside nsqd.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// A directory to which nsqd reports.
    pub nsqlookupd: Option<NsqlookupdOptions>,
    /// Pages about that directory; about nsqd alone where there is none. Addresses to ask are filled in.
    pub nsqadmin: Option<NsqadminOptions>,
}

/// Those of them that run before nsqd does.
pub(super) struct Started {
    registry: Option<nsqlookupd::Running>,
    pages: Option<NsqadminOptions>,
}

/// All of them.
pub(super) struct Others {
    registry: Option<nsqlookupd::Running>,
    pages: Option<nsqadmin::Running>,
}

impl Beside {
    /// Starts nsqlookupd and tells nsqd of it.
    pub(super) fn start_registry(
        self,
        nsqd: &mut NsqdOptions,
        root: &Addr<Root>,
    ) -> Result<Started, DaemonError> {
        let registry = self.nsqlookupd.map(|options| nsqlookupd::Running::start(options, root));
        let registry = registry.transpose()?;
        let address = registry.as_ref().and_then(|registry| registry.listening.tcp.clone());
        nsqd.nsqlookupd_tcp_addresses.extend(address);
        Ok(Started { registry, pages: self.nsqadmin })
    }
}

impl Started {
    /// Starts nsqadmin, as soon as it is known where nsqd listens.
    pub(super) fn start_pages(
        self,
        nsqd: &Listening,
        root: &Addr<Root>,
    ) -> Result<Others, DaemonError> {
        let Self { registry, pages } = self;
        let registry_http = registry.as_ref().and_then(|registry| registry.listening.http.clone());
        let options = pages.and_then(|pages| about(pages, registry_http, nsqd.http.as_deref()));
        let pages = options.map(|options| nsqadmin::Running::start(options, root)).transpose()?;
        Ok(Others { registry, pages })
    }
}

impl Others {
    /// Ends them, when nsqd has come to its end.
    pub(super) async fn stop(&self) {
        if let Some(pages) = &self.pages {
            pages.stop().await;
        }
        if let Some(registry) = &self.registry {
            registry.stop().await;
        }
    }
}

/// Whom nsqadmin asks: nsqlookupd, else nsqd. None if neither can be asked over TCP.
fn about(
    pages: NsqadminOptions,
    nsqlookupd: Option<String>,
    nsqd: Option<&str>,
) -> Option<NsqadminOptions> {
    if let Some(address) = nsqlookupd {
        return Some(NsqadminOptions { nsqlookupd_http_addresses: vec![address], ..pages });
    }
    match nsqd.map(ListenAddress::parse) {
        Some(Ok(address @ ListenAddress::Tcp { .. })) => {
            let nsqd_http_addresses = vec![address.to_string()];
            Some(NsqadminOptions { nsqd_http_addresses, ..pages })
        }
        _ => {
            log::warn!("nsqadmin is not started: nsqd has no address of HTTP that it could ask");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_are_about_the_directory_else_about_nsqd() {
        let about = |nsqlookupd: Option<&str>, nsqd| {
            let about = about(NsqadminOptions::default(), nsqlookupd.map(str::to_owned), nsqd);
            about.map(|it| (it.nsqlookupd_http_addresses, it.nsqd_http_addresses))
        };
        let (lookupd, nsqd) = ("127.0.0.1:4161", "127.0.0.1:4151");
        let both = about(Some(lookupd), Some(nsqd)).unwrap();
        assert_eq!(both, (vec![lookupd.to_owned()], vec![]));
        assert_eq!(about(None, Some(nsqd)).unwrap(), (vec![], vec![nsqd.to_owned()]));
        assert_eq!(about(None, Some("/run/nsqd.sock")), None);
        assert_eq!(about(None, None), None);
    }
}
