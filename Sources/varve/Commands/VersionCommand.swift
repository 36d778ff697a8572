internal import VarvePlatform
internal import VarveRecords

/// `varve version`.
enum VersionCommand {
    /// The version of this source tree.
    static let version = "0.1.0"

    static let command = Command(
        "version", summary: "Print the version and what is built in.", options: [.json]
    ) { (arguments) throws(CommandError) in
        let facts = Facts(version: version, libraries: libraries)
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(facts))
        } else {
            Output.standard.line("varve \(version)")
            Output.standard.line("built in: \(libraries.joined(separator: ", "))")
        }
    }

    private struct Facts: Encodable {
        let version: String
        let libraries: [String]
    }

    /// The optional parts (package traits) that this binary has.
    private static var libraries: [String] {
        var names = ["lz4"]
        #if VARVE_GZIP
            names.append("gzip")
        #endif
        #if VARVE_ZSTD
            names.append("zstd")
        #endif
        #if VARVE_SNAPPY
            names.append("snappy")
        #endif
        #if VARVE_SQLITE
            names.append("sqlite")
        #endif
        #if VARVE_TLS
            names.append("tls")
        #endif
        return names
    }
}
