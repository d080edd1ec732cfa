//! What the service answers of people, aliases and cases.

use super::*;

impl Service {
    pub(super) fn fill_alias(&self, line: &Value) {
        let text = |name: &str| line[name].as_str().unwrap();
        let path = format!(
            "/v1/partners/{}/cars/{}",
            text("client"),
            escaped(text("alias"))
        );
        if line["vin"].is_null() {
            self.state.records.lock().unwrap().remove(&path);
        } else {
            let answer = json!({"app": line["client"], "name": line["alias"], "car": line["vin"]});
            self.put(&path, &answer.to_string());
        }
    }

    /// Whom the vehicles name, anew.
    pub(super) fn fill_lookups(&self) {
        let vehicles = self.state.vehicles.lock().unwrap().clone();
        let mut people: HashMap<String, Vec<String>> = HashMap::new();
        let mut records = self.state.records.lock().unwrap();
        records
            .retain(|path, _| !path.starts_with("/v1/cases/") && !path.starts_with("/v1/people"));
        for (vin, line) in vehicles {
            let mut name = |name: &Value| {
                let cars = name
                    .as_str()
                    .map(|name| people.entry(name.to_owned()).or_default());
                if let Some(cars) = cars {
                    cars.push(vin.clone());
                }
            };
            name(&line["owner"]);
            for (list, who) in [
                ("drivers", "subject"),
                ("consents", "client"),
                ("work_orders", "technician"),
                ("cases", "agent"),
            ] {
                let entries = line[list].as_array().into_iter().flatten();
                entries.for_each(|entry| name(&entry[who]));
            }
            for case in line["cases"].as_array().into_iter().flatten() {
                let no = case["case"].as_str().unwrap();
                let answer = json!({"no": no, "car": vin}).to_string();
                records.insert(format!("/v1/cases/{}", escaped(no)), answer);
            }
        }
        for (who, cars) in people {
            let answer = json!({"sub": who, "cars": cars}).to_string();
            records.insert(format!("/v1/people/{}/cars", escaped(&who)), answer);
        }
    }
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    let template = Template::read("http://a/{name}", &["name"]).unwrap();
    let path = template.fill(&[("name", name)]).unwrap();
    path.strip_prefix('/').unwrap().to_owned()
}

/// Where the service keeps what a line says, and how.
pub(super) fn written(line: &Value) -> (String, Value) {
    let text = |name: &str| line[name].as_str().unwrap();
    if line.get("vin").is_none() {
        let (issuer, subject) = (text("issuer"), text("subject"));
        let answer = json!({"sub": subject, "iss": issuer, "blocked": line["suspended"]});
        return (format!("/v1/subjects/{issuer}/{subject}"), answer);
    }
    let list = |name: &str, write: fn(&Value) -> Value| {
        let entries = line[name].as_array().into_iter().flatten();
        entries.map(write).collect::<Value>()
    };
    let answer = json!({
        "vehicle": {
            "id": line["vin"],
            "place": {"region": line["region"]},
            "trim": line["trim"],
            "can": line["capabilities"],
        },
        "holder": {"sub": line["owner"]},
        "on": line["telematics"],
        "disputed": line.get("suspended").unwrap_or(&json!(false)),
        "fleet": line["fleet"],
        "shared": list("drivers", |one| json!({
            "who": {"sub": one["subject"]}, "may": one["entitlements"], "ends": one["until"],
        })),
        "partners": list("consents", |one| json!({
            "app": one["client"], "scopes": one["scopes"], "ends": one["until"],
        })),
        "orders": list("work_orders", |one| json!({
            "no": one["id"], "at": one["dealership"], "by": one["technician"],
            "role": one["role"], "ends": one["until"],
            "agreed": one.get("agreed").unwrap_or(&json!([])),
        })),
        "cases": list("cases", |one| json!({
            "no": one["case"], "agent": one["agent"], "ends": one["until"],
        })),
    });
    (format!("/v1/vehicles/{}", text("vin")), answer)
}
