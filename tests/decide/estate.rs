//! Which routes, quotas and issuers are judged by?

pub(crate) const ROUTES: &str = r#"
[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "opt-out"
surface = "mobile"
methods = ["POST"]
path = "/opt-out"
action = "DisableTelematics"
vehicle = { form = "VIN" }
upstream = "telematics"

[[route]]
id = "list"
surface = "mobile"
methods = ["GET"]
path = "/cars"
action = "ListVehicles"
vehicle = "none"
because = "lists one's own"
upstream = "telematics"

[[route]]
id = "diagnostics"
surface = "dealer"
methods = ["GET"]
path = "/dealer/{vin}/dtc"
action = "ReadDiagnostics"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "unguarded"
surface = "mobile"
methods = ["GET"]
path = "/feed"
action = "ListVehicles"
vehicle = "none"
because = "carries numbers that look like VINs"
answer = "unguarded"
upstream = "telematics"

[[route]]
id = "partner-battery"
surface = "partner"
methods = ["GET"]
path = "/partner/{id}/battery"
action = "ReadBatteryStatus"
vehicle = { alias = { path = "id" } }
upstream = "telematics"

[[route]]
id = "partner-charge"
surface = "partner"
methods = ["POST"]
path = "/partner/{id}/charge"
action = "StartCharging"
vehicle = { alias = { path = "id" } }
upstream = "telematics"
quotas = ["commands"]

[[route]]
id = "case-location"
surface = "roadside"
methods = ["GET"]
path = "/cases/{case}/location"
action = "ReadLocation"
vehicle = { case = { path = "case" } }
upstream = "telematics"

[[route]]
id = "case-unlock"
surface = "roadside"
methods = ["POST"]
path = "/cases/{case}/unlock"
action = "UnlockDoors"
vehicle = { case = { path = "case" } }
upstream = "telematics"

[[route]]
id = "climate"
surface = "mobile"
methods = ["POST"]
path = "/climate"
action = "StartClimate"
vehicle = { form = "VIN" }
result_key = { answer = "/resultKey" }
upstream = "telematics"
quotas = ["commands"]

[[route]]
id = "climate-result"
surface = "mobile"
methods = ["POST"]
path = "/climate/result"
action = "PollResult"
vehicle = { form = "VIN" }
result_key = { form = "resultKey" }
upstream = "telematics"
quotas = ["commands"]

[[route]]
id = "climate-result-get"
surface = "mobile"
methods = ["GET"]
path = "/climate/{vin}/results/{key}"
action = "PollResult"
vehicle = { path = "vin" }
result_key = { path = "key" }
upstream = "telematics"

[[route]]
id = "hvac"
surface = "mobile"
methods = ["POST"]
path = "/cars/{vin}/hvac"
action = { json = "/data/attributes/action", values = { start = "StartClimate", stop = "StopClimate" } }
vehicle = { path = "vin" }
upstream = "telematics"
"#;

pub(crate) const QUOTAS: &str = r#"
[quotas.commands]
quota = 30
window = "1d"
key = ["vehicle"]
store = "local"

[result_keys]
store = "local"

[regions.NE]
[regions.NNA]

[surfaces.dealer]
issuers = ["dealers"]
on_cold_start = "open"

[issuers.dealers]
issuer = "https://dealers.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = { claim = "employee", values = { dealership = "Technician" } }
tenant_claim = "dealership"
roles_claim = "roles"

[surfaces.partner]
issuers = ["partners", "owners"]
on_cold_start = "open"

[surfaces.roadside]
issuers = ["agents"]
on_cold_start = "open"

[issuers.partners]
issuer = "https://partners.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "Client"

[issuers.asked]
issuer = "https://asked.test"
audiences = ["telematics"]
max_lifetime = "1h"
principal = "User"
same_subjects_as = "owners"
[issuers.asked.introspection]
url = "http://127.0.0.1:1/introspect"
client_id = "gateway"
client_secret_file = "introspection.secret"
audience = "required"
max_cache = "60s"

[issuers.agents]
issuer = "https://agents.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "Agent"
"#;
