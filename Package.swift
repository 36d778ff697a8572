// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .define("VARVE_GZIP", .when(traits: ["Gzip"])),
    .define("VARVE_ZSTD", .when(traits: ["Zstd"])),
    .define("VARVE_SNAPPY", .when(traits: ["Snappy"])),
    .define("VARVE_SQLITE", .when(traits: ["SQLite"])),
    .define("VARVE_TLS", .when(traits: ["TLS"])),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict)
}

let package = Package(
    name: "varve",
    products: [
        .executable(name: "varve", targets: ["varve"]),
        .library(name: "VarveBroker", targets: ["VarveBroker"]),
    ],
    traits: [
        .default(enabledTraits: ["Gzip", "Zstd", "Snappy", "SQLite", "TLS"]),
        .trait(name: "Gzip", description: "The gzip codec, through zlib1g-dev."),
        .trait(name: "Zstd", description: "The zstd codec, through libzstd-dev."),
        .trait(name: "Snappy", description: "The snappy codec, through libsnappy-dev."),
        .trait(name: "SQLite", description: "The embedded search sink, through libsqlite3-dev."),
        .trait(name: "TLS", description: "TLS listeners and clients, through libssl-dev."),
    ],
    dependencies: [],
    targets: [
        .target(name: "CVarvePlatform"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        module(
            "VarvePlatform",
            [
                "CVarvePlatform",
                .target(name: "COpenSSL", condition: .when(traits: ["TLS"])),
            ]),
        module(
            "VarveRecords",
            [
                "VarvePlatform", "CLZ4",
                .target(name: "CZlib", condition: .when(traits: ["Gzip"])),
                .target(name: "CZstd", condition: .when(traits: ["Zstd"])),
                .target(name: "CSnappy", condition: .when(traits: ["Snappy"])),
            ]),
        module("VarveLog", ["VarvePlatform", "VarveRecords"]),
        module("VarveWire", ["VarvePlatform", "VarveRecords"]),
        module("VarveBroker", ["VarvePlatform", "VarveRecords", "VarveLog", "VarveWire"]),
        module("VarveClient", ["VarvePlatform", "VarveRecords", "VarveWire"]),
        module(
            "VarveDelivery",
            [
                "VarvePlatform", "VarveRecords", "VarveClient",
                .target(name: "CSQLite", condition: .when(traits: ["SQLite"])),
            ]),
        .executableTarget(
            name: "varve",
            dependencies: [
                "VarvePlatform", "VarveRecords", "VarveLog", "VarveWire", "VarveBroker",
                "VarveClient", "VarveDelivery",
            ],
            swiftSettings: strict,
            // Swift's own libraries within the binary: it runs where no Swift is, starts sooner and
            // needs less memory. Not for debugging: the tests of the commands link this target, too.
            // (Unsafe flags keep others' packages from using this target, and no other.)
            linkerSettings: [
                .unsafeFlags(
                    [
                        "-static-stdlib", "-l_FoundationCollections", "-l_FoundationCShims",
                    ], .when(configuration: .release))
            ]),
        .executableTarget(
            name: "varve-bench",
            dependencies: ["VarvePlatform", "VarveRecords", "VarveLog", "VarveClient"],
            path: "Benchmarks/varve-bench", swiftSettings: strict),

        .target(
            name: "VarveSimulation", dependencies: ["VarvePlatform", "VarveRecords"],
            path: "Tests/VarveSimulation", swiftSettings: strict),
        .target(
            name: "VarveProof",
            dependencies: ["VarvePlatform", "VarveRecords", "VarveLog", "VarveSimulation"],
            path: "Tests/VarveProof", swiftSettings: strict),
        .target(name: "CVarveProof", path: "Tests/CVarveProof"),
        .executableTarget(
            name: "varve-proof",
            dependencies: [
                "VarvePlatform", "VarveLog", "VarveSimulation", "VarveProof", "CVarveProof",
            ],
            path: "Tests/varve-proof", swiftSettings: strict),
        .target(
            name: "VarveMessages", dependencies: ["VarvePlatform", "VarveWire", "VarveSimulation"],
            path: "Tests/VarveMessages", swiftSettings: strict),
        .target(
            name: "VarveFuzz",
            dependencies: [
                "VarvePlatform", "VarveRecords", "VarveLog", "VarveWire", "VarveBroker",
                "VarveDelivery", "VarveSimulation", "VarveProof", "VarveMessages",
            ],
            path: "Tests/VarveFuzz", swiftSettings: strict),
        tests("VarveFuzz", ["VarvePlatform", "VarveSimulation"]),
        tests("VarvePlatform", ["VarveSimulation"]),
        tests("VarveRecords", ["VarvePlatform", "VarveSimulation"]),
        tests(
            "VarveLog", ["VarvePlatform", "VarveRecords", "VarveSimulation", "VarveProof"]),
        tests("VarveProof", ["VarvePlatform", "VarveLog", "VarveSimulation", "varve-proof"]),
        tests("VarveWire", ["VarvePlatform", "VarveRecords", "VarveSimulation", "VarveMessages"]),
        tests(
            "VarveBroker",
            ["VarvePlatform", "VarveRecords", "VarveLog", "VarveWire", "VarveSimulation"]),
        tests(
            "VarveClient",
            [
                "VarvePlatform", "VarveRecords", "VarveWire", "VarveBroker", "VarveLog",
                "VarveSimulation",
            ]),
        tests(
            "VarveDelivery",
            [
                "VarvePlatform", "VarveRecords", "VarveClient", "VarveBroker", "VarveLog",
                "VarveSimulation",
            ]),
        .testTarget(
            name: "VarveCommandTests",
            dependencies: [
                "varve", "VarvePlatform", "VarveRecords", "VarveBroker", "VarveDelivery",
            ],
            swiftSettings: strict),
    ]
)

// Tools/fuzz builds with the fuzzer in every module: VARVE_PART=fuzz.
if Context.environment["VARVE_PART"] == "fuzz" {
    let sanitizers = "-sanitize=fuzzer,address"
    package.products = [.executable(name: "varve-fuzz", targets: ["varve-fuzz"])]
    package.targets.removeAll { $0.type == .test || $0.type == .executable }
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
        .executableTarget(
            name: "varve-fuzz", dependencies: ["VarvePlatform", "VarveFuzz", "CLibFuzzer"],
            path: "Tests/varve-fuzz", swiftSettings: strict,
            linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])]),
    ]
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags([sanitizers])]
    }
}

// The tools that prove the log (Tools/sabotage, Tools/coverage and others) build it alone:
// VARVE_PART=log; Tools/sanitize builds the broker besides: VARVE_PART=broker.
if let part = Context.environment["VARVE_PART"], part != "fuzz" {
    var names = ["VarvePlatform", "VarveRecords", "VarveLog", "VarveSimulation", "VarveProof"]
    if part == "broker" { names += ["VarveWire", "VarveMessages", "VarveBroker"] }
    let wanted = Set(names + names.map { $0 + "Tests" } + ["varve-proof"])
    package.products = []
    package.targets.removeAll { !$0.name.hasPrefix("C") && !wanted.contains($0.name) }
}
