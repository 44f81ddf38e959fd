import Foundation
import HomewardSimulation

exit(SimulationCommand.main(CommandLine.arguments))
