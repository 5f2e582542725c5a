"""Click models: generative models of what a shopper examines and clicks."""
