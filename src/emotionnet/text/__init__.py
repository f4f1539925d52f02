"""What tags mean: word vectors and the text teacher."""
