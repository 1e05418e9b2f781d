//! Random queries as trees, so that they can be printed, partitioned and shrunk.

use super::schema::Type;

/// An expression: text with holes that hold expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// Type of the value.
    pub ty: Type,
    /// Text before, between and after the children: one more than there are children.
    pub texts: Vec<String>,
    /// The children.
    pub children: Vec<Expr>,
    /// Whether an aggregate is called at this node.
    pub aggregate: bool,
}

impl Expr {
    /// Returns a leaf.
    pub fn leaf(ty: Type, text: impl Into<String>) -> Self {
        Self { ty, texts: vec![text.into()], children: Vec::new(), aggregate: false }
    }
    /// Returns a node from a template in which each `?` is a child.
    pub fn node(ty: Type, template: &str, children: Vec<Self>) -> Self {
        let texts: Vec<String> = template.split('?').map(str::to_owned).collect();
        debug_assert_eq!(texts.len(), children.len() + 1);
        Self { ty, texts, children, aggregate: false }
    }
    /// Returns the SQL text.
    pub fn to_sql(&self) -> String {
        let mut sql = self.texts[0].clone();
        for (child, text) in self.children.iter().zip(&self.texts[1..]) {
            sql.push_str(&child.to_sql());
            sql.push_str(text);
        }
        sql
    }
    /// Returns whether an aggregate is called anywhere.
    pub fn has_aggregate(&self) -> bool {
        self.aggregate || self.children.iter().any(Self::has_aggregate)
    }
}

/// A joined table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `t2 AS a`, `(SELECT ...) AS a`.
    pub text: String,
    /// `JOIN`, `LEFT JOIN`, ..., unused for the first.
    pub join: &'static str,
    /// ON; none for the first and for CROSS JOIN.
    pub on: Option<Expr>,
}

/// A SELECT with an optional set operation behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// DISTINCT.
    pub distinct: bool,
    /// Output columns.
    pub targets: Vec<Expr>,
    /// FROM.
    pub sources: Vec<Source>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY.
    pub group_by: Vec<Expr>,
    /// HAVING.
    pub having: Option<Expr>,
    /// UNION [ALL], ... and a SELECT of the same column types.
    pub set_operation: Option<(&'static str, Box<Select>)>,
    /// ORDER BY every output column, so that the order is fixed.
    pub ordered: bool,
    /// LIMIT, only with `ordered`.
    pub limit: Option<usize>,
    /// OFFSET, only with `ordered`.
    pub offset: Option<usize>,
}

impl Select {
    /// Returns the SQL text.
    pub fn to_sql(&self) -> String {
        let mut sql = self.body();
        if let Some((operation, right)) = &self.set_operation {
            sql = format!("{sql} {operation} {}", right.body());
        }
        if self.ordered {
            let keys: Vec<String> = (1..=self.targets.len()).map(|position| position.to_string()).collect();
            sql.push_str(&format!(" ORDER BY {}", keys.join(", ")));
            if let Some(limit) = self.limit {
                sql.push_str(&format!(" LIMIT {limit}"));
            }
            if let Some(offset) = self.offset {
                sql.push_str(&format!(" OFFSET {offset}"));
            }
        }
        sql
    }

    fn body(&self) -> String {
        let list = |exprs: &[Expr]| exprs.iter().map(Expr::to_sql).collect::<Vec<_>>().join(", ");
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let mut sql = format!("SELECT {distinct}{}{}", list(&self.targets), self.make_from_clause());
        if let Some(filter) = &self.filter {
            sql.push_str(&format!(" WHERE {}", filter.to_sql()));
        }
        if !self.group_by.is_empty() {
            sql.push_str(&format!(" GROUP BY {}", list(&self.group_by)));
        }
        if let Some(having) = &self.having {
            sql.push_str(&format!(" HAVING {}", having.to_sql()));
        }
        sql
    }

    fn make_from_clause(&self) -> String {
        let mut sql = String::new();
        for (index, source) in self.sources.iter().enumerate() {
            let join = if index == 0 { "FROM" } else { source.join };
            sql.push_str(&format!(" {join} {}", source.text));
            if let (true, Some(on)) = (index > 0, &source.on) {
                sql.push_str(&format!(" ON {}", on.to_sql()));
            }
        }
        sql
    }

    fn is_plain(&self) -> bool {
        !self.distinct
            && self.group_by.is_empty()
            && self.having.is_none()
            && self.set_operation.is_none()
            && !self.targets.iter().any(Expr::has_aggregate)
            // A window sees all rows that the filter leaves.
            && !self.targets.iter().any(|target| target.to_sql().contains(" OVER ("))
    }

    /// Returns the whole and the union of its three parts by the filter, for a SELECT that TLP applies to.
    pub fn partitioned(&self) -> Option<[String; 2]> {
        let filter = self.filter.as_ref()?.to_sql();
        if !self.is_plain() || self.sources.is_empty() {
            return None;
        }
        let list = self.targets.iter().map(Expr::to_sql).collect::<Vec<_>>().join(", ");
        let select = format!("SELECT {list}{}", self.make_from_clause());
        let parts = [format!("({filter})"), format!("NOT ({filter})"), format!("({filter}) IS NULL")]
            .map(|condition| format!("{select} WHERE {condition}"));
        Some([select, parts.join(" UNION ALL ")])
    }

    /// Returns a filtered count and the same as a sum, for a SELECT that NoREC applies to.
    pub fn counted(&self) -> Option<[String; 2]> {
        let filter = self.filter.as_ref()?.to_sql();
        if !self.is_plain() || self.sources.is_empty() {
            return None;
        }
        let from = self.make_from_clause();
        Some([
            format!("SELECT count(*){from} WHERE {filter}"),
            format!(
                "SELECT count(CASE WHEN hit THEN 1 END) FROM (SELECT ({filter}) AS hit{from}) AS all_rows"
            ),
        ])
    }
}
