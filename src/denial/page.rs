//! What does a person see in a browser when a request is refused?
//!
//! One page that needs nothing else: no script, no image, no font from anywhere.

use uuid::Uuid;

use crate::denial::Denial;
use crate::denial::words::Words;

/// Nothing may be loaded, run, framed or sent; only the page's own style counts.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.125rem/1.5 system-ui,sans-serif;margin:0;padding:2rem 1rem;\
color:#1a1a1a;background:#fff}main{max-width:38rem;margin:0 auto}h1{font-size:1.75rem;\
line-height:1.2}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}\
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}\
@media (prefers-color-scheme:dark){body{color:#f0f0f0;background:#1a1a1a}}";

/// The page: the facts of the problem document.
pub fn write(denial: &Denial, words: &Words<'_>, id: Uuid) -> String {
    let title = escape(words.title);
    let detail = escape(words.detail);
    let language = escape(words.language);
    let status = denial.status().as_u16();
    let code = denial.code();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p role=\"alert\" lang=\"{language}\" dir=\"auto\">{detail}</p>\n<dl>\n\
         <dt>Status</dt><dd>{status}</dd>\n<dt>Code</dt><dd>{code}</dd>\n\
         <dt>Request</dt><dd>{id}</dd>\n</dl>\n</main>\n</body>\n</html>\n"
    )
}

/// Text that can't become markup, inside an element or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_message_is_text_on_the_page() {
        let words = Words {
            title: "Closed",
            detail: "</p><script>alert('1')</script> & \"x\"",
            language: "\"><b>",
        };
        let page = write(&Denial::Overloaded, &words, Uuid::nil());
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        let escaped =
            "&lt;/p&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;";
        assert!(page.contains(escaped), "{page}");
    }

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let words = Words {
            title: "Not found",
            detail: "There is nothing at this address.",
            language: "en",
        };
        let page = write(&Denial::RouteUnknown, &words, Uuid::nil());
        for part in [
            "<html lang=\"en\">",
            "<title>Not found</title>",
            "<h1>Not found</h1>",
            "role=\"alert\" lang=\"en\" dir=\"auto\"",
            "<dd>404</dd>",
            "<dd>route-unknown</dd>",
            "<dd>00000000-0000-0000-0000-000000000000</dd>",
        ] {
            assert!(page.contains(part), "{part}");
        }
        for part in [
            "http:", "https:", "src=", "href=", "url(", "<link", "@import",
        ] {
            assert!(!page.contains(part), "{part}");
        }
    }
}
