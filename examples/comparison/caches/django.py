from django.http import JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page

from django_server import read_posts, ttl


@cache_page(ttl)
def posts(request):
    return JsonResponse(read_posts(), safe=False)


urlpatterns = [path('posts', posts)]
