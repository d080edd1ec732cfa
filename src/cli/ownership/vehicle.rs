//! How is a vehicle of the ownership directory called, and how is it shown?

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::adapters::facts::form::{Object, VehicleForm};
use crate::cli::ownership::words::Words;
use crate::cli::reach::Reach;
use crate::cli::{End, Failure, Output, data, table, talk};
use crate::pipeline::vehicle::Vin;

/// Arguments of `get`.
#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    /// VIN; `-` reads it from standard input.
    vin: String,
    /// How it is printed; `json` is the line that an import reads.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn get(args: &GetArgs) -> Result<(), Failure> {
    let vin = Words(&mut std::io::stdin().lock()).vin(&args.vin)?;
    let path = path(&vin);
    let client = args.reach.client()?;
    let sent = client.send_with(Method::GET, &path, HeaderMap::new(), Bytes::new())?;
    let (_, headers, body) = sent;
    let vehicle: VehicleForm = read(&body)?;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&body)),
        Output::Plain => rows(&vehicle).iter().for_each(|row| data(&row.join("\t"))),
        Output::Table => {
            table(&rows(&vehicle));
            let tag = headers.get(header::ETAG);
            if let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) {
                talk(&format!("state {}", tag.trim_matches('"')));
            }
        }
    }
    Ok(())
}

/// Asks for a change of a vehicle, in the state that was seen, or any.
pub(super) fn post<T: DeserializeOwned>(
    reach: &Reach,
    (vin, verb): (&Vin, &str),
    seen: Option<&str>,
    body: &impl Serialize,
) -> Result<(Bytes, T), Failure> {
    let body = serde_json::to_vec(body).map_err(|error| unread(&error))?;
    let seen = seen.map_or_else(
        || "*".to_owned(),
        |tag| format!("\"{}\"", tag.trim_matches('"')),
    );
    let seen = HeaderValue::from_str(&seen).map_err(|_| {
        let message = "`--if-state` is what `vingate ownership get` says of the state";
        Failure::new(End::Usage, message)
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_MATCH, seen);
    let path = format!("{}:{verb}", path(vin));
    let client = reach.client()?;
    let (_, _, answer) = client.send_with(Method::POST, &path, headers, Bytes::from(body))?;
    let told = read(&answer)?;
    Ok((answer, told))
}

fn path(vin: &Vin) -> String {
    format!("/v1/ownership/vehicles/{}", vin.as_str())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| unread(&error))
}

fn unread(error: &serde_json::Error) -> Failure {
    let message = format!("the gateway's answer can't be read: {error}");
    Failure::new(End::Failed, message)
}

/// What, who or which, with what, until when.
fn rows(vehicle: &VehicleForm) -> Vec<[String; 4]> {
    let row = |what: &str, who: &str, with: &str, until: &str| {
        [what, who, with, until].map(str::to_owned)
    };
    let end = |until: &Option<String>| until.clone().unwrap_or_else(|| "-".to_owned());
    let owner = vehicle.owner.as_deref().unwrap_or("-");
    let fleet = vehicle.fleet.as_deref().unwrap_or("-");
    let mut rows = vec![
        row("owner", owner, "-", "-"),
        row("fleet", fleet, "-", "-"),
        row("region", &vehicle.region, "-", "-"),
        row("trim", &vehicle.trim, &vehicle.capabilities.join(","), "-"),
        row("telematics", yes(vehicle.telematics), "-", "-"),
        row("suspended", yes(vehicle.suspended), "-", "-"),
    ];
    for Object(grant) in &vehicle.drivers {
        let with = grant.entitlements.join(",");
        rows.push(row("driver", &grant.subject, &with, &end(&grant.until)));
    }
    for Object(consent) in &vehicle.consents {
        let with = consent.scopes.join(",");
        rows.push(row("partner", &consent.client, &with, &end(&consent.until)));
    }
    for Object(order) in &vehicle.work_orders {
        let (technician, role) = (order.technician.as_deref(), order.role.as_deref());
        let who = technician.or(role).unwrap_or("-");
        let with = format!(
            "{} at {}: {}",
            order.id,
            order.dealership,
            order.agreed.join(",")
        );
        rows.push(row("work order", who, &with, &order.until));
    }
    for Object(case) in &vehicle.cases {
        rows.push(row("case", &case.agent, &case.case, &case.until));
    }
    rows
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_granted_is_a_row() {
        let line = r#"{"vin":"SJNFAAZE0U6012345","owner":null,
            "drivers":[{"subject":"ben","entitlements":["A","B"],"until":null}],
            "fleet":"f","region":"NE","trim":"SV","capabilities":["climate"],"telematics":true,
            "consents":[{"client":"c","scopes":["read"],"until":"2027-01-01T00:00:00Z"}],
            "work_orders":[{"id":"W1","dealership":"D1","role":"advisor","agreed":["C"],
            "until":"2027-01-01T00:00:00Z"}],
            "cases":[{"case":"K1","agent":"a","until":"2027-01-01T00:00:00Z"}],"suspended":true}"#;
        let vehicle: VehicleForm = serde_json::from_str(line).unwrap();
        let rows = rows(&vehicle);
        let lines: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
        for expected in [
            "owner - - -",
            "driver ben A,B -",
            "partner c read 2027-01-01T00:00:00Z",
            "work order advisor W1 at D1: C 2027-01-01T00:00:00Z",
            "case a K1 2027-01-01T00:00:00Z",
            "suspended yes - -",
        ] {
            assert!(
                lines.iter().any(|line| line == expected),
                "{expected}: {lines:?}"
            );
        }
    }
}
