// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is held to; dependencies keep their own settings.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "Homeward",
    products: [
        .executable(name: "homeward", targets: ["homeward"]),
        .executable(name: "homeward-sim", targets: ["homeward-sim"]),
    ],
    dependencies: [
        // The command line.
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        // Connections between hosts.
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        // The control door: HTTP over a Unix socket, both ends.
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        // The catalog.
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        // Queues of the machines.
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        // Commands of a site.
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        // SHA-256 sums of volumes.
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    ],
    targets: [
        // MARK: The C boundary
        .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .target(name: "CLuaShim", dependencies: ["CLua"]),
        .target(name: "CChecksum"),
        .target(name: "CPlatform"),
        .target(name: "HomewardThreads", dependencies: ["CPlatform"], swiftSettings: strict),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

        .systemLibrary(name: "CLibEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),
        .target(name: "CEdit", dependencies: ["CLibEdit"]),

        // MARK: Decisions
        .target(
            name: "HomewardCore",
            dependencies: ["CChecksum", .product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: strict
        ),
        .target(name: "HomewardAdministration", dependencies: ["HomewardCore"], swiftSettings: strict),

        // MARK: The edge
        .target(
            name: "HomewardStorage",
            dependencies: ["HomewardCore", "CPlatform", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardWire",
            dependencies: [
                "HomewardCore", "HomewardThreads",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardNBD",
            dependencies: [
                "HomewardCore", "HomewardThreads", "CPlatform", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardHost",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "HomewardStorage", "HomewardWire", "HomewardThreads",
                "CPlatform",
                "CXXHash",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardControl",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "CPlatform",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LuaHost",
            dependencies: ["CLuaShim", "HomewardThreads", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        // `scripts/` as constants, so that a binary is complete alone.
        .executableTarget(name: "embed-scripts"),
        .plugin(
            name: "EmbedScripts",
            capability: .buildTool(),
            dependencies: ["embed-scripts"],
            path: "Sources/Plugins/EmbedScripts"
        ),
        .target(name: "HomewardScripts", swiftSettings: strict, plugins: ["EmbedScripts"]),
        .target(
            name: "HomewardRunbooks",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "LuaHost", "HomewardScripts", "CPlatform",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardSimulation",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "HomewardRunbooks", "HomewardScripts", "LuaHost",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "HomewardCLI",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "HomewardHost", "HomewardControl", "HomewardNBD",
                "HomewardStorage", "HomewardWire", "HomewardRunbooks", "HomewardScripts", "LuaHost", "CPlatform",
                "CEdit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "homeward", dependencies: ["HomewardCLI"], swiftSettings: strict),
        .executableTarget(name: "homeward-sim", dependencies: ["HomewardSimulation"], swiftSettings: strict),

        // `malloc` that counts, before that of the C library.
        .target(name: "CAllocationCounter"),
        // Ratios against peers and limits.
        .executableTarget(
            name: "HomewardBenchmarks",
            dependencies: [
                "HomewardCore", "HomewardAdministration", "HomewardHost", "HomewardNBD", "HomewardThreads", "LuaHost",
                "CPlatform", "CXXHash", "CAllocationCounter",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),

        // MARK: Tests
        // Seeds, rounds and mutations that the fuzzers of all test targets share.
        .target(
            name: "FuzzSupport",
            dependencies: ["HomewardCore"],
            path: "Tests/FuzzSupport",
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardCoreTests",
            dependencies: ["HomewardCore", "FuzzSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["HomewardSimulation", "homeward-sim"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardAdministrationTests",
            dependencies: ["HomewardAdministration", "HomewardCore", "FuzzSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardHostTests",
            dependencies: [
                "HomewardHost", "HomewardAdministration", "HomewardCore", "HomewardCLI", "HomewardControl",
                "HomewardNBD", "HomewardRunbooks", "HomewardStorage", "HomewardWire", "LuaHost", "FuzzSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardStorageTests",
            dependencies: ["HomewardStorage", "HomewardCore", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardNBDTests",
            dependencies: [
                "HomewardNBD", "HomewardCore", "CPlatform", "FuzzSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardWireTests",
            dependencies: [
                "HomewardCore", "HomewardWire",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LuaHostTests",
            dependencies: ["LuaHost", "CLuaShim", "FuzzSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardRunbooksTests",
            dependencies: [
                "HomewardRunbooks", "HomewardScripts", "HomewardAdministration", "HomewardCore", "LuaHost",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardControlTests",
            dependencies: [
                "HomewardControl", "HomewardCore", "HomewardAdministration", "FuzzSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HomewardCLITests",
            dependencies: ["HomewardCLI", "HomewardRunbooks", "HomewardCore", "HomewardAdministration", "LuaHost"],
            swiftSettings: strict
        ),
        // Real processes of the product that is built beside them; the rest is for files and frames of another release.
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["HomewardCore", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ReadmeTests",
            dependencies: ["HomewardCLI", "HomewardCore", "LuaHost"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LabTests",
            dependencies: ["HomewardCLI", "HomewardCore", "HomewardAdministration"],
            swiftSettings: strict
        ),
    ]
)
