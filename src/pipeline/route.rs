//! Which listed route is it?
//!
//! A radix tree over whole paths: the cost of a look-up depends on the path's length, not on how
//! many routes there are. `where` values are expanded when the tree is built. A literal segment goes
//! before a parameter; of two routes that can't be told apart, neither is taken.

mod pattern;

#[cfg(test)]
pub(in crate::pipeline) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;

use crate::config::file::{BoundTokens, ClientVersion, DenialFormat};
use crate::config::route::{ActionSource, BodyNeed, ReferenceKind, RequestPlace, ResultKeyPlace};
use crate::denial::Denial;
use crate::pipeline::RequestHead;
use crate::pipeline::head::path;
use crate::pipeline::quota::QuotaPolicy;
use crate::pipeline::retirement::Retirement;

/// A route as a decision uses it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Unique name.
    pub id: Arc<str>,
    /// Its surface.
    pub surface: Arc<Surface>,
    /// Methods it lists; a listed GET also serves HEAD.
    pub methods: Vec<Method>,
    /// Path pattern as written, for records.
    pub path: Arc<str>,
    /// Values of path parameters that were listed.
    pub where_: BTreeMap<String, Vec<String>>,
    /// The action, or what chooses it.
    pub action: ActionSource,
    /// What names the vehicle, and where; `None` where the route says so.
    pub vehicle: Option<(ReferenceKind, RequestPlace)>,
    /// Where a result key stands that it gives out or takes.
    pub result_key: Option<ResultKeyPlace>,
    /// Whether VINs that the principal may not see are masked in its answer.
    pub guarded: bool,
    /// Whether a verified principal is needed.
    pub identity_required: bool,
    /// Public reason why it is listed and refused.
    pub off: Option<Arc<str>>,
    /// When and why it goes, if it does.
    pub retired: Option<Arc<Retirement>>,
    /// Name of the upstream.
    pub upstream: Arc<str>,
    /// Quota policies charged together.
    pub quotas: Vec<Arc<QuotaPolicy>>,
    /// How a body is treated.
    pub body: BodyNeed,
    /// Whether it takes handshakes of WebSockets, and nothing else.
    pub websocket: bool,
}

/// A surface as a decision uses it.
#[derive(Debug, Clone)]
pub struct Surface {
    /// Name.
    pub name: Arc<str>,
    /// Hosts in lower case; empty means any.
    pub hosts: Vec<String>,
    /// Names of the issuers that count here.
    pub issuers: Vec<Arc<str>>,
    /// Names of the tables of certificates that count here.
    pub certificates: Vec<Arc<str>>,
    /// Whether their tokens must be bound.
    pub bound_tokens: BoundTokens,
    /// How a denial is written.
    pub denial_format: DenialFormat,
    /// Whether closing it takes its name, typed.
    pub protected: bool,
    /// Where a request tells its client's version.
    pub client_version: Option<ClientVersion>,
}

/// Values of a path's parameters, decoded: as the upstream reads them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PathParameters(Vec<(String, String)>);

impl std::fmt::Debug for PathParameters {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl PathParameters {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| *candidate == name)
            .map(|(_, value)| value)
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for PathParameters {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// All routes.
#[derive(Debug, Default)]
pub struct Router {
    tree: matchit::Router<Vec<Candidate>>,
}

/// A route at one of its paths, with the names of the path's parameters in order.
#[derive(Debug, Clone)]
struct Candidate {
    route: Arc<Route>,
    names: Arc<[String]>,
}

/// Candidates by the shape of their path: two routes that name a parameter differently share one.
type Shapes = BTreeMap<String, Vec<Candidate>>;

/// What is wrong with routes: `(route id, message)`.
type Mistakes = Vec<(Arc<str>, String)>;

impl Router {
    /// Builds the tree.
    ///
    /// # Errors
    /// `(route id, message)` of every route that can't be told from another, whose path no request
    /// can have, or whose `where` lists don't fit its path.
    pub fn new(routes: &[Arc<Route>]) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new();
        let mut shapes = Shapes::new();
        for route in routes {
            match pattern::expand(&route.path, &route.where_) {
                Ok(patterns) => add_candidates(&mut shapes, route, patterns),
                Err(message) => mistakes.push((Arc::clone(&route.id), message)),
            }
        }
        report_overlaps(&shapes, &mut mistakes);
        let tree = grow(&shapes, &mut mistakes);
        if mistakes.is_empty() {
            Ok(Self { tree })
        } else {
            Err(mistakes)
        }
    }

    /// The route of a request.
    ///
    /// # Errors
    /// `RouteUnknown`, or `MethodNotAllowed` with the methods listed for that path.
    pub fn find(&self, head: &RequestHead) -> Result<(Arc<Route>, PathParameters), Denial> {
        self.find_for(&head.method, &head.host, &head.path)
    }

    /// The same by what it depends on: the host in lower case, the path canonical.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn find_for(
        &self,
        method: &Method,
        host: &str,
        path: &str,
    ) -> Result<(Arc<Route>, PathParameters), Denial> {
        let found = self.tree.at(path).map_err(|_| Denial::RouteUnknown)?;
        if found.params.iter().any(|(_, value)| value.is_empty()) {
            return Err(Denial::RouteUnknown); // the tree takes `//` for an empty parameter
        }
        let on_host = |candidate: &&Candidate| serves(&candidate.route.surface, host);
        let candidate = found
            .value
            .iter()
            .filter(on_host)
            .find(|candidate| lists(&candidate.route, method));
        let Some(candidate) = candidate else {
            return Err(refuse_method(found.value.iter().filter(on_host)));
        };
        let values = found.params.iter().map(|(_, value)| decoded(value));
        let parameters = candidate.names.iter().cloned().zip(values).collect();
        Ok((Arc::clone(&candidate.route), parameters))
    }
}

/// What a value of a canonical path says. There is one reading: such a path encodes neither structure
/// nor what may stand raw, and each run of encoded bytes is UTF-8 (see `head/path.rs`).
fn decoded(value: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let encoded = byte == b'%';
        let pair = encoded.then(|| rest.next().zip(rest.next())).flatten();
        let decoded = pair.and_then(|(high, low)| path::hex_byte(high, low));
        bytes.push(decoded.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Hosts narrow a surface; none listed means any.
fn serves(surface: &Surface, host: &str) -> bool {
    surface.hosts.is_empty() || surface.hosts.iter().any(|listed| listed == host)
}

/// A listed GET also serves HEAD (RFC 9110, 9.3.2).
fn lists(route: &Route, method: &Method) -> bool {
    route.methods.contains(method)
        || (*method == Method::HEAD && route.methods.contains(&Method::GET))
}

/// `MethodNotAllowed`, unless no candidate is left: another host's paths are not told.
fn refuse_method<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Denial {
    let mut allowed = BTreeSet::new();
    for candidate in candidates {
        allowed.extend(candidate.route.methods.iter().map(Method::as_str));
        if lists(&candidate.route, &Method::HEAD) {
            allowed.insert(Method::HEAD.as_str());
        }
    }
    if allowed.is_empty() {
        return Denial::RouteUnknown;
    }
    let allowed: Vec<&str> = allowed.into_iter().collect();
    Denial::MethodNotAllowed(allowed.join(", "))
}

fn add_candidates(shapes: &mut Shapes, route: &Arc<Route>, patterns: Vec<pattern::Pattern>) {
    for pattern in patterns {
        shapes.entry(pattern.shape).or_default().push(Candidate {
            route: Arc::clone(route),
            names: pattern.names.into(),
        });
    }
}

/// Routes of one shape must differ by method or host. Each pair is reported once, to both.
fn report_overlaps(shapes: &Shapes, mistakes: &mut Mistakes) {
    let mut told = BTreeSet::new();
    for candidates in shapes.values() {
        for (at, one) in candidates.iter().enumerate() {
            for other in candidates.iter().skip(at.saturating_add(1)) {
                let (one, other) = (&one.route, &other.route);
                if overlap(one, other) && told.insert((&one.id, &other.id)) {
                    mistakes.push(clash(one, other));
                    mistakes.push(clash(other, one));
                }
            }
        }
    }
}

fn overlap(one: &Route, other: &Route) -> bool {
    let methods = one.methods.iter().any(|method| lists(other, method))
        || other.methods.iter().any(|method| lists(one, method));
    let (hosts, others) = (&one.surface.hosts, &other.surface.hosts);
    let same_host =
        hosts.is_empty() || others.is_empty() || hosts.iter().any(|host| others.contains(host));
    methods && same_host
}

fn clash(route: &Route, other: &Route) -> (Arc<str>, String) {
    let message = format!(
        "`{}` can't be told from route `{}` with `{}`",
        route.path, other.id, other.path
    );
    (Arc::clone(&route.id), message)
}

/// Puts the shapes into the tree, which finds the clashes between shapes: a parameter beside a rest.
fn grow(shapes: &Shapes, mistakes: &mut Mistakes) -> matchit::Router<Vec<Candidate>> {
    let mut tree = matchit::Router::new();
    for (shape, candidates) in shapes {
        let Err(error) = tree.insert(shape.clone(), candidates.clone()) else {
            continue;
        };
        let rival = if let matchit::InsertError::Conflict { with } = &error {
            shapes.get(with).and_then(|rivals| rivals.first())
        } else {
            None
        };
        for Candidate { route, .. } in candidates {
            if let Some(rival) = rival {
                mistakes.push(clash(route, &rival.route));
                mistakes.push(clash(&rival.route, route));
            } else {
                let message = format!("`{}` does not fit beside the others", route.path);
                mistakes.push((Arc::clone(&route.id), message));
            }
        }
    }
    mistakes.dedup();
    tree
}
