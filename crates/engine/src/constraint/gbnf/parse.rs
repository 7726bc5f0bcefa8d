//! From text to rules.

/// One rule.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) alternatives: Vec<Sequence>,
}

/// Symbols one after the other.
pub(super) type Sequence = Vec<Item>;

/// A symbol and how often it stands there.
pub(super) struct Item {
    pub(super) symbol: Symbol,
    pub(super) min: u32,
    /// No limit if `None`.
    pub(super) max: Option<u32>,
}

/// What stands in a sequence.
pub(super) enum Symbol {
    Text(String),
    /// One character of these ranges, or one of none of them.
    Class {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
    Rule(String),
    Group(Vec<Sequence>),
}

/// Whether a name may hold it.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// The rules of `text`, whose nesting is bounded.
///
/// # Errors
/// What is wrong, and in which line.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut parser = Parser { text, at: 0 };
    let rules = parser.rules();
    rules.map_err(|reason| {
        let line = text[..parser.at].lines().count().max(1);
        format!("line {line}: {reason}")
    })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rules(&mut self) -> Result<Vec<Rule>, String> {
        let mut rules = Vec::new();
        self.skip_space();
        while self.peek().is_some() {
            let name = self.name()?;
            self.skip_space();
            self.expect("::=")?;
            rules.push(Rule { name, alternatives: self.alternatives()? });
            self.skip_space();
        }
        Ok(rules)
    }

    fn alternatives(&mut self) -> Result<Vec<Sequence>, String> {
        let mut all = vec![self.sequence()?];
        while self.eat("|") {
            all.push(self.sequence()?);
        }
        Ok(all)
    }

    /// Symbols up to the end of an alternative, of a group or of the rule.
    fn sequence(&mut self) -> Result<Sequence, String> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            let ends = match self.peek() {
                None | Some('|' | ')') => true,
                Some(c) => is_of_name(c) && self.is_rule(),
            };
            if ends {
                return Ok(items);
            }
            let symbol = self.symbol()?;
            let (min, max) = self.repetition()?.unwrap_or((1, Some(1)));
            items.push(Item { symbol, min, max });
        }
    }

    /// Whether a rule begins here.
    fn is_rule(&self) -> bool {
        self.rest().trim_start_matches(is_of_name).trim_start().starts_with("::=")
    }

    fn symbol(&mut self) -> Result<Symbol, String> {
        match self.peek() {
            Some('"') => self.quoted(),
            Some('[') => self.class(),
            Some('.') => {
                self.at += 1;
                Ok(Symbol::Class { ranges: Vec::new(), is_negated: true })
            }
            Some('(') => {
                self.at += 1;
                let group = self.alternatives()?;
                self.expect(")")?;
                Ok(Symbol::Group(group))
            }
            Some('*' | '+' | '?' | '{') => Err("a repetition stands behind no symbol".to_owned()),
            Some('<' | '!') => Err("single tokens (`<...>`) are not supported".to_owned()),
            Some(c) if is_of_name(c) => self.name().map(Symbol::Rule),
            Some(c) => Err(format!("`{c}` is no symbol")),
            None => Err("a symbol is missing".to_owned()),
        }
    }

    /// How often the symbol before may stand there, if it is said.
    fn repetition(&mut self) -> Result<Option<(u32, Option<u32>)>, String> {
        self.skip_space();
        for (operator, range) in [("*", (0, None)), ("+", (1, None)), ("?", (0, Some(1)))] {
            if self.eat(operator) {
                return Ok(Some(range));
            }
        }
        if !self.eat("{") {
            return Ok(None);
        }
        let min = self.number()?;
        let max = if self.eat(",") { self.number()? } else { min };
        self.expect("}")?;
        let min = min.unwrap_or(0);
        if max.is_some_and(|max| max < min) {
            return Err(format!("at least {min} times is more than the most"));
        }
        Ok(Some((min, max)))
    }

    fn number(&mut self) -> Result<Option<u32>, String> {
        self.skip_space();
        let digits = self.take_while(|c| c.is_ascii_digit());
        let number = (!digits.is_empty()).then(|| digits.parse()).transpose();
        let number = number.map_err(|_| format!("{digits} times is too often"))?;
        self.skip_space();
        Ok(number)
    }

    fn quoted(&mut self) -> Result<Symbol, String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err("a text has no closing quote".to_owned()),
                Some('"') => return Ok(Symbol::Text(text)),
                Some('\\') => text.push(self.escaped()?),
                Some(c) => text.push(c),
            }
        }
    }

    fn class(&mut self) -> Result<Symbol, String> {
        self.at += 1;
        let is_negated = self.peek() == Some('^');
        self.at += usize::from(is_negated);
        let mut ranges = Vec::new();
        while self.peek() != Some(']') {
            let first = self.class_char()?;
            let is_range = self.rest().starts_with('-') && !self.rest().starts_with("-]");
            let last = if is_range {
                self.at += 1;
                self.class_char()?
            } else {
                first
            };
            if last < first {
                return Err(format!("the range from {first:?} to {last:?} is empty"));
            }
            ranges.push((first, last));
        }
        self.at += 1;
        if ranges.is_empty() && !is_negated {
            return Err("a class has no character".to_owned());
        }
        Ok(Symbol::Class { ranges, is_negated })
    }

    fn class_char(&mut self) -> Result<char, String> {
        match self.next() {
            None => Err("a class has no closing bracket".to_owned()),
            Some('\\') => self.escaped(),
            Some(c) => Ok(c),
        }
    }

    /// The character that stands behind a backslash.
    fn escaped(&mut self) -> Result<char, String> {
        let digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some(c) if c.is_ascii_punctuation() => return Ok(c),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(c) => return Err(format!("`\\{c}` is no escape")),
            None => return Err("a backslash stands at the end".to_owned()),
        };
        let hex = self.rest().get(..digits).unwrap_or_default();
        let code = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        let Some(c) = code.filter(|_| hex.bytes().all(|byte| byte.is_ascii_hexdigit())) else {
            return Err(format!("an escape needs {digits} hexadecimal digits of a character"));
        };
        self.at += digits;
        Ok(c)
    }

    fn name(&mut self) -> Result<String, String> {
        let name = self.take_while(is_of_name).to_owned();
        if name.is_empty() { Err("the name of a rule is missing".to_owned()) } else { Ok(name) }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        &self.text[start..self.at]
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.eat(text) { Ok(()) } else { Err(format!("`{text}` is missing")) }
    }

    /// White space, ends of lines and comments.
    fn skip_space(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.eat("#") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }
}
