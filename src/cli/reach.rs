//! Which running gateway is meant, and how is it reached?
//!
//! The socket on its own host, or its TLS address with a certificate of the operator's.

use std::path::{Path, PathBuf};

use crate::admin::client::{Client, Identity};
use crate::cli::{End, Failure};

/// Heading of these arguments in a command's help.
const GATEWAY: &str = "Which gateway";

/// Which gateway: the socket, the configuration that names it, or a URL.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reach {
    /// Admin socket of the gateway.
    #[arg(long, env = "VINGATE_SOCKET", value_name = "PATH", global = true, help_heading = GATEWAY)]
    pub socket: Option<PathBuf>,
    #[command(flatten)]
    secure: Secure,
    /// Configuration that names the admin socket, if neither socket nor URL is given.
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true, help_heading = GATEWAY)]
    pub config: Option<PathBuf>,
    /// Overrides one key of the configuration: `key=value`. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true, help_heading = GATEWAY)]
    pub set: Vec<String>,
}

/// The TLS address, and what proves who you are there.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Secure {
    /// Admin address of the gateway, such as `https://gw1.internal:9443`; instead of a socket.
    #[arg(long, env = "VINGATE_URL", value_name = "URL", global = true, help_heading = GATEWAY)]
    pub url: Option<String>,
    /// Your certificate for `--url`, PEM.
    #[arg(
        long,
        env = "VINGATE_CERTIFICATE",
        value_name = "FILE",
        global = true,
        help_heading = GATEWAY
    )]
    pub certificate: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[arg(long, env = "VINGATE_KEY", value_name = "FILE", global = true, help_heading = GATEWAY)]
    pub key: Option<PathBuf>,
    /// The authorities that sign gateways' certificates, PEM.
    #[arg(long, env = "VINGATE_CA", value_name = "FILE", global = true, help_heading = GATEWAY)]
    pub ca: Option<PathBuf>,
}

impl Reach {
    /// A way to the gateway.
    ///
    /// # Errors
    /// It is not clear which one is meant; a file can't be used; nobody listens.
    pub fn client(&self) -> Result<Client, Failure> {
        if let Some(client) = self.secure.client(self.socket.as_deref())? {
            return Ok(client);
        }
        by_socket(&self.socket()?)
    }

    /// A way to another gateway: an `https` address, by the same certificate, or a socket's path.
    ///
    /// # Errors
    /// Nobody listens, or a file is missing or can't be used.
    pub fn other(&self, place: &str) -> Result<Client, Failure> {
        if place.starts_with("https://") {
            return Client::secure(place, &self.secure.identity()?);
        }
        by_socket(Path::new(place))
    }

    /// The admin socket: `--socket`, else `VINGATE_SOCKET`, else the configuration's.
    ///
    /// # Errors
    /// Neither is given, or the configuration has mistakes.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let Some(config) = &self.config else {
            let message = "which gateway? give --socket PATH, VINGATE_SOCKET, -c FILE, or --url URL \
                           with a certificate";
            return Err(Failure::new(End::Usage, message));
        };
        Ok(crate::config::load(config, &self.set)?.config.admin.socket)
    }
}

fn by_socket(socket: &Path) -> Result<Client, Failure> {
    Client::connect(socket)?.ok_or_else(|| {
        let shown = socket.display();
        let message = format!("nobody listens on `{shown}`: the gateway isn't running");
        Failure::new(End::Failed, message)
    })
}

impl Secure {
    /// A way to the gateway's TLS address; `None` where no URL is given.
    ///
    /// # Errors
    /// A socket is given too; a file is missing or can't be used.
    pub fn client(&self, socket: Option<&Path>) -> Result<Option<Client>, Failure> {
        let url = self.url.as_deref().filter(|url| !url.is_empty());
        let Some(url) = url else {
            return Ok(None);
        };
        if socket.is_some_and(|socket| !socket.as_os_str().is_empty()) {
            let message = "which gateway? a socket and a URL are given: leave one of them out \
                           (`--socket`, VINGATE_SOCKET; `--url`, VINGATE_URL)";
            return Err(Failure::new(End::Usage, message));
        }
        Client::secure(url, &self.identity()?).map(Some)
    }

    fn identity(&self) -> Result<Identity<'_>, Failure> {
        Ok(Identity {
            certificate: needed("certificate", self.certificate.as_deref())?,
            key: needed("key", self.key.as_deref())?,
            authorities: needed("ca", self.ca.as_deref())?,
        })
    }
}

fn needed<'a>(flag: &str, file: Option<&'a Path>) -> Result<&'a Path, Failure> {
    let file = file.filter(|file| !file.as_os_str().is_empty());
    file.ok_or_else(|| Failure::new(End::Usage, format!("`--url` needs `--{flag} FILE`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_too_much_is_a_usage_error() {
        let secure = Secure {
            url: Some("https://gw1.internal:9443".to_owned()),
            certificate: Some("c.pem".into()),
            key: Some("k.pem".into()),
            ca: Some("ca.pem".into()),
        };
        let socket = Path::new("admin.sock");
        let without = |change: fn(&mut Secure)| {
            let mut secure = secure.clone();
            change(&mut secure);
            secure
        };
        let wrong = [
            (secure.clone(), Some(socket), "leave one of them out"),
            (
                without(|s| s.certificate = None),
                None,
                "--certificate FILE",
            ),
            (
                without(|s| s.key = Some(PathBuf::new())),
                None,
                "--key FILE",
            ),
            (without(|s| s.ca = None), None, "--ca FILE"),
        ];
        for (secure, socket, expected) in wrong {
            let failure = secure.client(socket).unwrap_err();
            assert_eq!(failure.end, End::Usage, "{failure}");
            assert!(failure.message.contains(expected), "{failure}");
        }
        let nothing = Reach::default().client().unwrap_err();
        assert_eq!(nothing.end, End::Usage, "{nothing}");
        assert!(matches!(Secure::default().client(Some(socket)), Ok(None)));
        let unread = secure.client(None).unwrap_err();
        assert_eq!(unread.end, End::InvalidInput, "{unread}");
        let wrong = without(|s| s.url = Some("http://gw1".to_owned()));
        let failure = wrong.client(None).unwrap_err();
        assert_eq!(failure.end, End::InvalidInput, "{failure}");
    }
}
