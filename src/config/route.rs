//! What can be written in a route file?

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::moment::Moment;

/// A route file: `[[route]]` entries.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// The routes, in any order: no route hides another.
    #[schemars(length(min = 1))]
    pub route: Vec<RouteEntry>,
}

/// One route. What no route lists is not forwarded.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Unique name, such as `mobile-v1.climate-start`.
    pub id: String,
    /// Surface that it belongs to.
    pub surface: String,
    /// Methods; `GET` brings `HEAD` along.
    #[schemars(length(min = 1))]
    pub methods: BTreeSet<Method>,
    /// Path with `{name}` for one segment and `{*name}` for the rest.
    pub path: String,
    /// The only values of a path parameter; without an entry it takes any one segment.
    #[serde(default, rename = "where")]
    pub where_: BTreeMap<String, Vec<String>>,
    /// Cedar action, or how a value of the request chooses one.
    pub action: ActionSource,
    /// Where the vehicle is named, or `"none"` with `because`.
    pub vehicle: VehicleSource,
    /// Where the key under which a command's result is polled stands: in the answer of the command, or
    /// in the request of a poll, which is let through for who was given that key for that vehicle.
    pub result_key: Option<ResultKeyPlace>,
    /// Who may come without a token: nobody, unless it says `"none"` with `because`.
    #[serde(default)]
    pub identity: IdentityNeed,
    /// Why the route needs no vehicle or no identity.
    #[schemars(length(min = 1))]
    pub because: Option<String>,
    /// Public reason why the route is listed and refused; it is never forwarded while this stands.
    #[schemars(length(min = 1))]
    pub off: Option<String>,
    /// When the route goes for good, and what takes its place.
    pub retired: Option<RetiredEntry>,
    /// Upstream that it is forwarded to.
    pub upstream: String,
    /// Quota policies that it charges, all together or none.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub quotas: Vec<String>,
    /// How a body is treated.
    #[serde(default)]
    pub body: BodyNeed,
    /// Whether it is a WebSocket (RFC 6455) and nothing else: a `GET` by HTTP/1.1 without a vehicle,
    /// its handshake judged like any request.
    #[serde(default)]
    pub websocket: bool,
    /// Whether VINs that the principal may not see are masked in the answer. Without it they are
    /// where the route needs an identity; an answer about one vehicle is always guarded, and frames of
    /// a WebSocket never are.
    pub answer: Option<AnswerGuard>,
}

/// What an answer may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerGuard {
    /// VINs of vehicles that the principal may see, and no other; nobody may see any.
    Guarded,
    /// Any VIN, and any bytes.
    Unguarded,
}

impl RouteEntry {
    /// Whether its answer is guarded.
    pub fn is_guarded(&self) -> bool {
        let asked = self.identity == IdentityNeed::Required && !self.websocket;
        let of_vehicle = self.vehicle.place().is_some();
        match self.answer {
            None => of_vehicle || asked,
            Some(answer) => of_vehicle || answer == AnswerGuard::Guarded,
        }
    }
}

/// The end of a route: answered as before until then, and gone from then on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetiredEntry {
    /// From then on its answers say that it will go (`Deprecation`, `Sunset`).
    pub announced: Moment,
    /// From then on it is answered 410; after `announced`.
    pub sunset: Moment,
    /// Public reason.
    #[schemars(length(min = 1))]
    pub because: String,
    /// `https` URL of what takes its place.
    #[schemars(length(min = 1))]
    pub successor: Option<String>,
}

/// Methods that a route can list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the registered names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub fn http(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
            Self::Patch => http::Method::PATCH,
            Self::Delete => http::Method::DELETE,
        }
    }
}

/// A Cedar action, fixed or chosen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ActionSource {
    /// Always this one.
    Fixed(#[schemars(length(min = 1))] String),
    /// Chosen by one value of the request.
    Chosen(ActionChoice),
}

/// Which value chooses the action, and what each value means; another value is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionChoice {
    /// Query parameter.
    pub query: Option<String>,
    /// Form field.
    pub form: Option<String>,
    /// JSON pointer (RFC 6901).
    pub json: Option<String>,
    /// Value to action.
    #[schemars(extend("minProperties" = 1))]
    pub values: BTreeMap<String, String>,
}

/// Where the vehicle is named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum VehicleSource {
    /// No vehicle; the route says why.
    None(NoVehicle),
    /// One reference.
    Named(VehicleReference),
}

/// The one reference to the vehicle, and its place; copies elsewhere in the request must agree with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VehicleReference {
    /// Path parameter with its VIN.
    Path(#[schemars(length(min = 1))] String),
    /// Query parameter with its VIN.
    Query(#[schemars(length(min = 1))] String),
    /// Header field with its VIN.
    Header(#[schemars(length(min = 1))] String),
    /// Form field with its VIN.
    Form(#[schemars(length(min = 1))] String),
    /// JSON pointer (RFC 6901) to its VIN.
    Json(#[schemars(length(min = 1))] String),
    /// Place of a partner's alias: it means a vehicle to the verified client alone.
    Alias(RequestPlace),
    /// Place of a roadside case: it means a vehicle to the verified agent alone.
    Case(RequestPlace),
}

/// What names the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// Its VIN.
    Vin,
    /// The verified client's alias for it.
    Alias,
    /// The verified agent's case about it.
    Case,
}

impl VehicleSource {
    /// What names the vehicle and where, unless none is named.
    pub fn place(&self) -> Option<(ReferenceKind, RequestPlace)> {
        let Self::Named(reference) = self else {
            return None;
        };
        let vin = |place| (ReferenceKind::Vin, place);
        Some(match reference.clone() {
            VehicleReference::Path(name) => vin(RequestPlace::Path(name)),
            VehicleReference::Query(name) => vin(RequestPlace::Query(name)),
            VehicleReference::Header(name) => vin(RequestPlace::Header(name)),
            VehicleReference::Form(name) => vin(RequestPlace::Form(name)),
            VehicleReference::Json(pointer) => vin(RequestPlace::Json(pointer)),
            VehicleReference::Alias(place) => (ReferenceKind::Alias, place),
            VehicleReference::Case(place) => (ReferenceKind::Case, place),
        })
    }
}

/// The word `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoVehicle {
    /// No vehicle.
    None,
}

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RequestPlace {
    /// Path parameter.
    Path(#[schemars(length(min = 1))] String),
    /// Query parameter.
    Query(#[schemars(length(min = 1))] String),
    /// Header field.
    Header(#[schemars(length(min = 1))] String),
    /// Form field.
    Form(#[schemars(length(min = 1))] String),
    /// JSON pointer (RFC 6901).
    Json(#[schemars(length(min = 1))] String),
}

/// Where a result key stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ResultKeyPlace {
    /// JSON pointer (RFC 6901) into the answer: the route gives keys out.
    Answer(#[schemars(length(min = 1))] String),
    /// Path parameter of a poll.
    Path(#[schemars(length(min = 1))] String),
    /// Query parameter of a poll.
    Query(#[schemars(length(min = 1))] String),
    /// Header field of a poll.
    Header(#[schemars(length(min = 1))] String),
    /// Form field of a poll.
    Form(#[schemars(length(min = 1))] String),
    /// JSON pointer (RFC 6901) into the body of a poll.
    Json(#[schemars(length(min = 1))] String),
}

impl ResultKeyPlace {
    /// JSON pointer to the key that an answer gives out.
    pub fn given_out(&self) -> Option<&str> {
        match self {
            Self::Answer(pointer) => Some(pointer),
            Self::Path(_) | Self::Query(_) | Self::Header(_) | Self::Form(_) | Self::Json(_) => {
                None
            }
        }
    }

    /// Place of the key that a poll presents.
    pub fn presented(&self) -> Option<RequestPlace> {
        Some(match self.clone() {
            Self::Answer(_) => return None,
            Self::Path(name) => RequestPlace::Path(name),
            Self::Query(name) => RequestPlace::Query(name),
            Self::Header(name) => RequestPlace::Header(name),
            Self::Form(name) => RequestPlace::Form(name),
            Self::Json(pointer) => RequestPlace::Json(pointer),
        })
    }
}

/// Whether an identity is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityNeed {
    /// A verified principal.
    #[default]
    Required,
    /// Anyone; the route says why.
    None,
}

/// How a body is treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BodyNeed {
    /// Judged whole where the route names a vehicle or chooses its action by the body: form or
    /// JSON, up to `limits.judged_body_bytes`. Streamed up to `limits.body_bytes` elsewhere.
    #[default]
    Auto,
    /// Streamed and not read, on a vehicle route too; the route says why.
    Opaque,
}
