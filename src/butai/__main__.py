from butai.cli import main

main()
