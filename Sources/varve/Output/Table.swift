/// Rows of text in columns as wide as their widest cell: numbers to the right, text to the left.
package struct Table {
    package enum Alignment { case left, right }

    private let titles: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    package init(_ columns: (String, Alignment)...) { self.init(columns) }

    package init(_ columns: [(String, Alignment)]) {
        titles = columns.map { $0.0 }
        alignments = columns.map { $0.1 }
    }

    /// Adds a row; it has as many cells as there are columns. An empty cell shows as `-`, as
    /// Kafka's own tools show what is not there.
    package mutating func row(_ cells: String...) { row(cells) }

    package mutating func row(_ cells: [String]) {
        precondition(cells.count == titles.count)
        rows.append(cells.map { $0.isEmpty ? "-" : $0 })
    }

    package var isEmpty: Bool { rows.isEmpty }

    /// The title line and the rows, two spaces between columns, no space at a line's end.
    package var text: String {
        let widths = titles.indices.map { column in
            ([titles] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([titles] + rows).map { cells in
            var line = ""
            for (column, cell) in cells.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? "" : "  "
                line += alignments[column] == .right ? space + cell : cell + space
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
