import Foundation
import HomewardCLI

exit(await HomewardCommand.main(CommandLine.arguments))
