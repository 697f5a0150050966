# Prints `text` in letters 5 rows high, in the colour that belongs to it.
BEGIN {
	glyphs["a"] = " ## |#  #|####|#  #|#  #"
	glyphs["b"] = "### |#  #|### |#  #|### "
	glyphs["c"] = " ###|#   |#   |#   | ###"
	glyphs["d"] = "### |#  #|#  #|#  #|### "
	glyphs["e"] = "####|#   |### |#   |####"
	glyphs["f"] = "####|#   |### |#   |#   "
	glyphs["g"] = " ###|#   |# ##|#  #| ###"
	glyphs["h"] = "#  #|#  #|####|#  #|#  #"
	glyphs["i"] = " ###|  # |  # |  # | ###"
	glyphs["j"] = "   #|   #|   #|#  #| ## "
	glyphs["k"] = "#  #|# # |##  |# # |#  #"
	glyphs["l"] = "#   |#   |#   |#   |####"
	glyphs["m"] = "#  #|####|####|#  #|#  #"
	glyphs["n"] = "#  #|## #|# ##|#  #|#  #"
	glyphs["o"] = " ## |#  #|#  #|#  #| ## "
	glyphs["p"] = "### |#  #|### |#   |#   "
	glyphs["q"] = " ## |#  #|#  #|# # | # #"
	glyphs["r"] = "### |#  #|### |# # |#  #"
	glyphs["s"] = " ###|#   | ## |   #|### "
	glyphs["t"] = " ###|  # |  # |  # |  # "
	glyphs["u"] = "#  #|#  #|#  #|#  #| ## "
	glyphs["v"] = "#  #|#  #|#  #| ## | ## "
	glyphs["w"] = "#  #|#  #|####|####|#  #"
	glyphs["x"] = "#  #|#  #| ## |#  #|#  #"
	glyphs["y"] = "#  #|#  #| ###|   #|### "
	glyphs["z"] = "####|  # | #  |#   |####"
	glyphs["0"] = " ## |#  #|#  #|#  #| ## "
	glyphs["1"] = "  # | ## |  # |  # | ###"
	glyphs["2"] = "### |   #| ## |#   |####"
	glyphs["3"] = "### |   #| ## |   #|### "
	glyphs["4"] = "#  #|#  #|####|   #|   #"
	glyphs["5"] = "####|#   |### |   #|### "
	glyphs["6"] = " ## |#   |### |#  #| ## "
	glyphs["7"] = "####|   #|  # | #  | #  "
	glyphs["8"] = " ## |#  #| ## |#  #| ## "
	glyphs["9"] = " ## |#  #| ###|   #| ## "
	glyphs["-"] = "    |    |####|    |    "

	for (i = 1; i <= length(text); i++) sum += i * index("abcdefghijklmnopqrstuvwxyz0123456789-", substr(text, i, 1))
	colour = 41 + sum % 6
	print ""
	for (row = 1; row <= 5; row++) {
		line = " "
		for (i = 1; i <= length(text); i++) {
			split(glyphs[substr(text, i, 1)], rows, "|")
			gsub("#", "\033[" colour "m \033[0m", rows[row])
			line = line " " rows[row]
		}
		print line
	}
	print ""
}
