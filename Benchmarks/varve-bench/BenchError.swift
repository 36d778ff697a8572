/// Why a run, or a part of it, cannot be.
enum BenchError: Error, CustomStringConvertible {
    /// The command line is wrong.
    case usage(String)
    /// Something this machine does not have; the text names the remedy. The rest goes on.
    case missing(String)
    /// A measurement that did not come to its end, or read other bytes than were sent.
    case failed(String)

    var description: String {
        switch self {
        case .usage(let text), .missing(let text), .failed(let text): text
        }
    }

    var exitStatus: Int32 {
        if case .usage = self { 2 } else { 1 }
    }

    var isMissing: Bool {
        if case .missing = self { true } else { false }
    }
}
