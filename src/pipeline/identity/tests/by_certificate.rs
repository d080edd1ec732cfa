//! Whom does a client's certificate name, and on which surface?

use std::path::Path;

use http::header::AUTHORIZATION;

use super::certificates::{Authority, Freshness, Pair, Validity};
use super::*;
use crate::clock;
use crate::pipeline::identity::authorities::CertificateIssuers;
use crate::pipeline::identity::certificate::ClientCertificate;

pub(super) const VIN: &str = "SJNFAAZE0U6012345";

/// The folders of two authorities, one of vehicles and one of servers.
pub(super) struct Estate {
    _folders: [TempDir; 2],
    pub(super) vehicles: Authority,
    pub(super) servers: Authority,
    pub(super) world: World,
    /// When everything counts: a minute after it was made.
    pub(super) now: Duration,
}

impl Estate {
    pub(super) fn new() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [vehicles, servers] = folders.each_ref().map(|one| Authority::new(one.path()));
        let mut estate = Self {
            _folders: folders,
            vehicles,
            servers,
            world: world(),
            now: clock::unix_time().saturating_add(Duration::from_secs(60)),
        };
        estate.vehicles.revoke(&[], Freshness::Fresh);
        estate.reload();
        estate
    }

    /// Reads all files anew.
    pub(super) fn reload(&mut self) {
        let certificates = self.load().unwrap_or_else(|told| panic!("{told}"));
        let folder = tempfile::tempdir().unwrap();
        let all = named([("owners", issuer(folder.path(), ISS, &[&self.world.a.jwk]))]);
        let mut mistakes = Mistakes::default();
        let issuers = Issuers::load(&all, 100, pseudonym(), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        self.world.issuers = issuers.with_certificates(certificates);
    }

    pub(super) fn load(&self) -> Result<CertificateIssuers, Mistakes> {
        let list = self.vehicles.file.with_file_name("revoked.pem");
        let tables = format!(
            "[tcu]\nauthorities_file = {:?}\ncrl_files = [{list:?}]\n\
             principal = {{ kind = \"Vehicle\", name = {{ uri = \"urn:vin:{{vin}}\" }} }}\n\
             [servers]\nauthorities_file = {:?}\ncrl_files = []\n\
             principal = {{ kind = \"Client\", scopes = [\"read\"], \
             name = {{ dns = \"{{subject}}.servers.example\" }} }}\n\
             [proof]\nauthorities_file = {:?}\ncrl_files = []\n",
            self.vehicles.file, self.servers.file, self.servers.file
        );
        let listeners = "[edge]\naddress = \"127.0.0.1:0\"\n\
             tls.certificate_file = \"c\"\ntls.key_file = \"k\"\n\
             tls.client_certificates = { accepted = [\"tcu\", \"servers\"], presence = \"optional\" }\n\
             [vehicles]\naddress = \"127.0.0.1:0\"\n\
             tls.certificate_file = \"c\"\ntls.key_file = \"k\"\n\
             tls.client_certificates = { accepted = [\"tcu\"], presence = \"required\" }\n";
        let tables = toml::from_str(&tables).unwrap();
        let listeners = toml::from_str(listeners).unwrap();
        let mut mistakes = Mistakes::default();
        let both = (&tables, &listeners);
        let loaded = CertificateIssuers::load(both, &pseudonym(), &mut mistakes);
        mistakes.or(loaded)
    }

    pub(super) fn car(&self) -> Pair {
        let name = format!("URI:urn:vin:{VIN}");
        self.vehicles.issue_to("car", &name, Validity::Now)
    }

    /// A request without a token.
    pub(super) fn head(&self, certificate: Option<&Arc<ClientCertificate>>) -> RequestHead {
        let mut head = head("-", self.now.as_secs());
        head.headers.remove(AUTHORIZATION);
        head.certificate = certificate.cloned();
        head
    }

    fn by(&self, pair: &Pair) -> Result<Arc<Principal>, Denial> {
        self.identify(&on(&[], &["tcu", "servers"]), &self.head(Some(&read(pair))))
    }

    pub(super) fn identify(
        &self,
        surface: &Surface,
        head: &RequestHead,
    ) -> Result<Arc<Principal>, Denial> {
        identify(&self.world.issuers, surface, head)
    }
}

pub(super) fn read(pair: &Pair) -> Arc<ClientCertificate> {
    Arc::new(ClientCertificate::read(&pair.chain()).unwrap())
}

/// A surface that goes by these.
pub(super) fn on(issuers: &[&str], certificates: &[&str]) -> Surface {
    let names = |all: &[&str]| all.iter().map(|name| Arc::from(*name)).collect();
    Surface {
        issuers: names(issuers),
        certificates: names(certificates),
        ..surface()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as what is compared with it")]
fn refused(flaw: TokenFlaw) -> Option<Denial> {
    Some(Denial::TokenInvalid(flaw))
}

#[test]
fn a_vehicle_is_named_by_its_certificate_and_nobody_signed_in() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let principal = estate.identify(&on(&[], &["tcu"]), &estate.head(Some(&shown)));
    let principal = principal.unwrap();
    assert_eq!(principal.kind, PrincipalKind::Vehicle);
    assert_eq!((&*principal.issuer, &*principal.subject), ("tcu", VIN));
    assert_eq!(principal.client, None);
    assert_eq!(principal.pseudonym, pseudonym()("tcu", VIN));
    assert_eq!(principal.sign_in, SignIn::default());
    let credential = &principal.credential;
    assert_eq!(
        credential.confirmation.certificate,
        Some(shown.thumbprint())
    );
    assert!(
        credential.expires_at > estate.now,
        "the list's or the certificate's end"
    );
    assert!(credential.expires_at < estate.now + Duration::from_secs(90_000));
    let server = estate
        .servers
        .issue_to("s", "DNS:charger.servers.example", Validity::Now);
    let principal = estate.by(&server).unwrap();
    assert_eq!(principal.kind, PrincipalKind::Client);
    assert_eq!(principal.client.as_deref(), Some("charger"));
    assert_eq!(principal.scopes, ["read"]);
}

#[test]
fn what_names_nobody_or_two_is_refused() {
    let estate = Estate::new();
    let (vehicles, servers) = (&estate.vehicles, &estate.servers);
    let own = format!("URI:urn:vin:{VIN}");
    let two = format!("{own},URI:urn:vin:SJNFAAZE0U6054321");
    let stranger = tempfile::tempdir().unwrap();
    let stranger = Authority::new(stranger.path());
    let now = Validity::Now;
    let rows = [
        (vehicles.issue_to("car", &own, now), None),
        (
            vehicles.issue_to(VIN, "", now),
            refused(TokenFlaw::CertificateNameless),
        ),
        (
            vehicles.issue_to("car", &two, now),
            refused(TokenFlaw::CertificateAmbiguous),
        ),
        // an authority of servers can't name a vehicle, nor one of vehicles a server
        (
            servers.issue_to("car", &own, now),
            refused(TokenFlaw::CertificateNameless),
        ),
        (
            vehicles.issue_to("s", "DNS:charger.servers.example", now),
            refused(TokenFlaw::CertificateNameless),
        ),
        (
            stranger.issue_to("car", &own, now),
            refused(TokenFlaw::CertificateUnknown),
        ),
        (
            vehicles.issue_to("car", &own, Validity::Expired),
            refused(TokenFlaw::CertificateExpired),
        ),
    ];
    for (at, (pair, expected)) in rows.into_iter().enumerate() {
        assert_eq!(estate.by(&pair).err(), expected, "row {at}");
    }
}

#[test]
fn each_table_counts_on_the_surfaces_and_listeners_that_name_it() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let server = estate
        .servers
        .issue_to("s", "DNS:charger.servers.example", Validity::Now);
    let server = read(&server);
    let unknown = refused(TokenFlaw::CertificateUnknown);
    let rows = [
        ("edge", "tcu", &shown, None),
        ("vehicles", "tcu", &shown, None),
        ("edge", "servers", &shown, unknown.clone()),
        ("edge", "servers", &server, None),
        ("vehicles", "servers", &server, unknown.clone()),
        ("plain", "tcu", &shown, unknown.clone()),
        ("edge", "proof", &server, unknown),
    ];
    for (listener, table, certificate, expected) in rows {
        let mut head = estate.head(Some(certificate));
        head.listener = Arc::from(listener);
        let found = estate.identify(&on(&[], &[table]), &head);
        assert_eq!(found.err(), expected, "{table} by {listener}");
    }
}

#[test]
fn a_surface_goes_by_what_it_names_and_by_nothing_else() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let at = estate.now.as_secs();
    let token = encode_token(&estate, &json!({}));
    let with_token = |certificate: Option<&Arc<ClientCertificate>>| {
        let mut asked = head(&token, at);
        asked.certificate = certificate.cloned();
        asked
    };
    let without = |certificate: Option<&Arc<ClientCertificate>>| estate.head(certificate);
    let (tokens, both) = (on(&["owners"], &[]), on(&["owners"], &["tcu"]));
    let certificates = on(&[], &["tcu"]);
    let rows = [
        (&tokens, with_token(None), Ok("owners")),
        (&tokens, with_token(Some(&shown)), Ok("owners")), // it is no identity there
        (&tokens, without(Some(&shown)), Err(Denial::TokenMissing)),
        (&certificates, without(Some(&shown)), Ok("tcu")),
        (
            &certificates,
            without(None),
            Err(Denial::TokenInvalid(TokenFlaw::CertificateMissing)),
        ),
        (
            &certificates,
            with_token(None),
            Err(Denial::TokenInvalid(TokenFlaw::TokenForeign)),
        ),
        (
            &certificates,
            with_token(Some(&shown)),
            Err(Denial::TokenInvalid(TokenFlaw::TokenForeign)),
        ),
        (&both, with_token(None), Ok("owners")),
        (&both, without(Some(&shown)), Ok("tcu")),
        (&both, without(None), Err(Denial::TokenMissing)),
        (
            &both,
            with_token(Some(&shown)),
            Err(Denial::TokenInvalid(TokenFlaw::CredentialAmbiguous)),
        ),
    ];
    for (at, (surface, head, expected)) in rows.into_iter().enumerate() {
        let found = estate.identify(surface, &head);
        let found = found.as_ref().map(|who| &*who.issuer);
        assert_eq!(found, expected.as_ref().copied(), "row {at}");
    }
}

/// A token of `owners` that counts when everything was made.
pub(super) fn encode_token(estate: &Estate, changes: &Value) -> String {
    let at = estate.now.as_secs();
    let times = json!({ "exp": at.saturating_add(300), "iat": at.saturating_sub(10) });
    let claims = with(claims(), times);
    estate
        .world
        .a
        .sign(&header(), &with(claims, changes.clone()))
}

#[test]
fn a_connection_that_outlives_a_reload_goes_by_what_is_in_force_then() {
    let mut estate = Estate::new();
    let pair = estate.car();
    let shown = read(&pair); // of one connection, for all its requests
    let surface = on(&[], &["tcu"]);
    let ask = |estate: &Estate| estate.identify(&surface, &estate.head(Some(&shown))).err();
    assert_eq!(ask(&estate), None);
    let before = estate.world.issuers.certificates().fingerprint();
    estate.vehicles.revoke(&[&pair], Freshness::Fresh);
    assert_eq!(ask(&estate), None, "nothing changes by itself");
    estate.reload();
    let after = estate.world.issuers.certificates().fingerprint();
    assert_ne!(
        before, after,
        "a WebSocket ends with the revision that it was judged by"
    );
    for _ in 0..2 {
        assert_eq!(ask(&estate), refused(TokenFlaw::CertificateRevoked));
    }
    estate.vehicles.revoke(&[], Freshness::Fresh);
    estate.reload();
    assert_eq!(ask(&estate), None);
    estate.vehicles.revoke(&[], Freshness::Old);
    estate.reload();
    assert_eq!(ask(&estate), refused(TokenFlaw::RevocationUnknown));
    estate.vehicles.revoke(&[], Freshness::Fresh);
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    estate.vehicles = Authority::new(folder.path());
    let list = estate.vehicles.revoke(&[], Freshness::Fresh);
    estate.reload();
    assert_eq!(ask(&estate), refused(TokenFlaw::CertificateUnknown));
    // one of its own below an authority: a list of the authority alone says nothing of what it signed
    let below = estate.vehicles.subordinate(other.path());
    let leaf = below.issue_to("car", &format!("URI:urn:vin:{VIN}"), Validity::Now);
    let chain = [&leaf.certificate, &below.file].map(|file| std::fs::read(file).unwrap());
    std::fs::write(&leaf.certificate, chain.concat()).unwrap();
    let unlisted = estate.by(&leaf).err();
    assert_eq!(unlisted, refused(TokenFlaw::RevocationUnknown));
    append(&list, &below.revoke(&[], Freshness::Fresh));
    estate.reload();
    assert_eq!(estate.by(&leaf).err(), None);
    append(&list, &estate.vehicles.revoke(&[], Freshness::Fresh)); // the one below is on none again
    estate.reload();
    assert_eq!(
        estate.by(&leaf).err(),
        refused(TokenFlaw::RevocationUnknown)
    );
}

fn append(list: &Path, more: &Path) {
    if list != more {
        let both = [list, more].map(|file| std::fs::read(file).unwrap());
        std::fs::write(list, both.concat()).unwrap();
    }
}

#[test]
fn a_connection_that_outlives_its_certificate_or_list_is_refused() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let surface = on(&[], &["tcu"]);
    let at = |seconds: u64| {
        let mut head = estate.head(Some(&shown));
        head.received_at = estate.now + Duration::from_secs(seconds);
        estate
            .identify(&surface, &head)
            .map(|who| who.credential.expires_at)
    };
    let until = at(0).unwrap().saturating_sub(estate.now);
    let day = 86_400;
    assert!((day - 120..day).contains(&until.as_secs()), "{until:?}");
    assert!(at(until.as_secs() - 30).is_ok());
    let over = at(day).err();
    // the list and the certificate end within the second
    let flaws = [TokenFlaw::CertificateExpired, TokenFlaw::RevocationUnknown];
    assert!(flaws.map(refused).contains(&over), "{over:?}");
    let server = estate
        .servers
        .issue_to("s", "DNS:charger.servers.example", Validity::Now);
    let server = read(&server); // no list there
    let later = |seconds: u64| {
        let mut head = estate.head(Some(&server));
        head.received_at = estate.now + Duration::from_secs(seconds);
        estate.identify(&on(&[], &["servers"]), &head).err()
    };
    assert_eq!(later(0), None);
    assert_eq!(later(day + 60), refused(TokenFlaw::CertificateExpired));
}
