print("homeward-sim")
