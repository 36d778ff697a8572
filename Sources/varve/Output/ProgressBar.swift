internal import VarvePlatform

/// A line on standard error that shows how far long work has come.
///
/// Drawn only where standard error is a terminal, from one second after the start, at most ten
/// times a second; nothing is left of it at the end. Any thread may call it.
package final class ProgressBar: Sendable {
    private struct State {
        var done: Int64 = 0
        var drawnAt: Int64
        var isDrawn = false
    }
    private let label: String
    private let unit: String
    private let total: Int64?
    private let isEnabled: Bool
    private let startedAt: Int64
    private let state: Lock<State>
    private let clock = SystemClock()
    private let draw: @Sendable (String) -> Void

    /// - Parameter total: what `done` will be at the end; nil when nobody knows.
    package init(
        _ label: String, unit: String, total: Int64?,
        isEnabled: Bool = ProcessControl.isTerminal(StandardStreams.error),
        draw: @escaping @Sendable (String) -> Void = ProgressBar.standardError
    ) {
        self.label = label
        self.unit = unit
        self.total = total
        self.isEnabled = isEnabled
        self.draw = draw
        startedAt = clock.monotonicMilliseconds()
        state = Lock(State(drawnAt: startedAt + 900))
    }

    /// Adds `count` to what is done.
    package func advance(_ count: Int64 = 1) { update(by: count) { $0 + count } }

    /// Says that `done` of the total is done.
    package func set(_ done: Int64) { update(by: 1) { _ in done } }

    /// Clears the line.
    package func finish() {
        if state.withLock({ $0.isDrawn }) { draw("\r\u{1B}[K") }
    }

    private func update(by count: Int64, _ change: (Int64) -> Int64) {
        guard isEnabled else { return }
        let now = clock.monotonicMilliseconds()
        let line: String? = state.withLock { state in
            state.done = change(state.done)
            guard now - state.drawnAt >= 100 else { return nil }
            state.drawnAt = now
            state.isDrawn = true
            return text(done: state.done, elapsed: now - startedAt)
        }
        if let line { draw("\r\(line)\u{1B}[K") }
    }

    /// `replaying  [#########-----------]  45 %  1 234 567 events  82 000/s  12.0 s left`
    func text(done: Int64, elapsed: Int64) -> String {
        var parts = [label]
        if let total, total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(share * 20)
            parts.append(
                "[" + String(repeating: "#", count: filled)
                    + String(repeating: "-", count: 20 - filled) + "]")
            parts.append("\(Int(share * 100)) %")
        }
        parts.append("\(Quantity.count(done)) \(unit)")
        if elapsed > 0, done > 0 {
            parts.append("\(Quantity.count(done * 1000 / elapsed))/s")
            if let total, total > done {
                let left = Int64(Double(elapsed) / Double(done) * Double(total - done))
                parts.append("\(Quantity.duration(milliseconds: left)) left")
            }
        }
        let columns = StandardStreams.columns(StandardStreams.error)
        return String(parts.joined(separator: "  ").prefix(columns - 1))
    }

    package static let standardError: @Sendable (String) -> Void = { text in
        do throws(SystemError) {
            try StandardStreams.write(ByteSlice(text), to: StandardStreams.error)
        } catch {
            // A terminal that went away takes the bar with it; the work goes on.
            return
        }
    }
}
