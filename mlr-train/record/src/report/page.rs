//! Pieces of HTML and SVG. Every text is escaped here, and nowhere else.

use std::fmt::Write as _;

/// Text without meaning to a browser.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Names of classes and files may hold anything.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A section with a heading.
pub(super) fn section(heading: &str, body: &str) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n{body}</section>\n",
        escaped(heading)
    )
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

/// A table: the first cell of every row heads it. `label` names it for who cannot see it, and for who scrolls it by keyboard.
pub(super) fn table(label: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = begin_table(label);
    out.push_str("<thead><tr>");
    for cell in head {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(cell));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let cell = escaped(cell);
            let _ = match i {
                0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// The frame of a table that may be wider than the page.
pub(super) fn begin_table(label: &str) -> String {
    let label = escaped(label);
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\"><table>\n<caption>{label}</caption>\n"
    )
}

/// A share and its interval on a line from 0 to 100 %, for the eye: the table beside it has the figures.
pub(super) struct Interval {
    pub(super) name: String,
    pub(super) share: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Shares with their intervals, below each other. `from` is the share at the left end.
pub(super) fn intervals(label: &str, from: f64, shares: &[Interval]) -> String {
    const LEFT: f64 = 84.0;
    const WIDTH: f64 = 252.0;
    let height = 34 * shares.len() + 30;
    let x = |share: f64| LEFT + WIDTH * ((share - from) / (1.0 - from)).clamp(0.0, 1.0);
    let mut out = begin_picture(label, 360, height);
    for k in 0..=4 {
        let share = from + (1.0 - from) * f64::from(k) / 4.0;
        let (x, bottom) = (x(share), height - 24);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"4\" x2=\"{x:.1}\" y2=\"{bottom}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{} %</text>",
            height - 8,
            // Ten points and their quarters have one digit behind the point at most.
            (1000.0 * share).round() / 10.0
        );
    }
    for (k, one) in shares.iter().enumerate() {
        let y = 34 * k + 20;
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{}\">{}</text><line class=\"bar\" x1=\"{:.1}\" y1=\"{y}\" x2=\"{:.1}\" y2=\"{y}\"/><circle cx=\"{:.1}\" cy=\"{y}\" r=\"6\"/>",
            y + 5,
            escaped(&one.name),
            x(one.low),
            x(one.high),
            x(one.share)
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Lengths of bars, below each other, with what stands at their ends.
pub(super) fn bars(label: &str, bars: &[(String, f64, String)]) -> String {
    let most = bars
        .iter()
        .map(|bar| bar.1)
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut out = begin_picture(label, 360, 30 * bars.len() + 6);
    for (k, (name, value, text)) in bars.iter().enumerate() {
        let (y, width) = (30 * k + 4, (170.0 * value / most).max(1.0));
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{0}\">{1}</text><rect x=\"104\" y=\"{y}\" width=\"{width:.1}\" height=\"20\"/><text x=\"{2:.1}\" y=\"{0}\">{3}</text>",
            y + 15,
            escaped(name),
            112.0 + width,
            escaped(text)
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The beginning of a picture of this many units.
pub(super) fn begin_picture(label: &str, width: usize, height: usize) -> String {
    let label = escaped(label);
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {width} {height}\" aria-label=\"{label}\"><title>{label}</title>\n"
    )
}

/// Figures that stand out, each with what it is of.
pub(super) fn figures(figures: &[(&str, String)]) -> String {
    let mut out = String::from("<dl class=\"figures\">\n");
    for (of, figure) in figures {
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escaped(of),
            escaped(figure)
        );
    }
    out.push_str("</dl>\n");
    out
}

/// A PNG or JPEG file inside the page (RFC 2397, in base64 of RFC 4648); none for other files.
pub(super) fn data_uri(file: &[u8]) -> Option<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let kind = match file {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        _ => return None,
    };
    let mut out = format!("data:image/{kind};base64,");
    for three in file.chunks(3) {
        let bits = three
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - three.len()));
        for k in 0..4 {
            out.push(match k > three.len() {
                true => '=',
                false => char::from(DIGITS[(bits >> (18 - 6 * k)) as usize & 63]),
            });
        }
    }
    Some(out)
}

/// The whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        include_str!("style.css")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_become_part_of_the_page() {
        // The digits of `base64` for these bytes.
        for (file, text) in [
            (&b"\x89PNG"[..], Some("data:image/png;base64,iVBORw==")),
            (b"\x89PNG\r", Some("data:image/png;base64,iVBORw0=")),
            (b"\x89PNG\r\n", Some("data:image/png;base64,iVBORw0K")),
            (b"\xff\xd8\xff", Some("data:image/jpeg;base64,/9j/")),
            (b"<svg onload=x>", None),
            (b"", None),
        ] {
            assert_eq!(data_uri(file).as_deref(), text);
        }
    }
}
