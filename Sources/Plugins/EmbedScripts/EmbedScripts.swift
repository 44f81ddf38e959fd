import Foundation
import PackagePlugin

/// Builds `scripts/**/*.lua` into the binary, as one Swift file of constants.
@main
struct EmbedScripts: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let scripts = context.package.directoryURL.appending(path: "scripts")
        let files = try FileManager.default.subpathsOfDirectory(atPath: scripts.path)
            .filter { $0.hasSuffix(".lua") }
            .sorted()
            .map { scripts.appending(path: $0) }
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedScripts.swift")
        return [
            .buildCommand(
                displayName: "Embedding \(files.count) Lua scripts",
                executable: try context.tool(named: "embed-scripts").url,
                arguments: [scripts.path, output.path] + files.map(\.path),
                inputFiles: files,
                outputFiles: [output]
            )
        ]
    }
}
